#pragma once

#include <stdexcept>
#include <string>

namespace usher {

/// The database did not answer in time or cannot be reached. The request is answered 503 with Retry-After.
/// Whether the last statement took effect is unknown.
class StorageUnavailable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace usher
