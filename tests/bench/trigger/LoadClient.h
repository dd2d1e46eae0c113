#pragma once

#include "Histogram.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

struct LoadPlan {
    int port = 0; ///< on 127.0.0.1
    int connections = 32;
    double warmupSeconds = 1; ///< load that is not measured
    double seconds = 5;
    double rate =
        0; ///< requests per second on a fixed schedule (open loop); 0: each connection asks as soon as it may
    std::vector<std::string> requests; ///< whole HTTP requests, used in turn
    int expected = 202;                ///< the status that is measured
};

struct LoadResult {
    std::map<int, std::uint64_t> answers; ///< by status, all of them, warm-up and tail included
    std::uint64_t measured = 0;           ///< answers of the expected status within the measured time
    std::uint64_t unanswered =
        0; ///< sent, and the connection broke or the end came: may or may not have counted
    std::uint64_t reconnects = 0;
    double seconds = 0; ///< of the measured time, as it really was
    Histogram
        latency; ///< of the measured answers; open loop: from the scheduled time, so that waiting counts
    std::string firstRefusal; ///< the body of the first answer of another status
};

/// Keep-alive HTTP/1.1 clients on one thread and one epoll: small enough that the server, not the client, is
/// measured. No pipelining. Throws std::runtime_error when nothing listens.
LoadResult runLoad(const LoadPlan& plan);

} // namespace bench
