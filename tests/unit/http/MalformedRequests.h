#pragma once

#include <string>
#include <vector>

namespace usher::test {

/// Bytes that no server may execute, and how they must be answered.
struct MalformedRequest {
    std::string bytes;
    int status = 400;
};

/// Several hundred malformed, ambiguous and smuggling requests, most of them made by putting each bad part
/// into an otherwise good request. Each is followed, by the test, with a request that must never run.
std::vector<MalformedRequest> malformedRequests();

} // namespace usher::test
