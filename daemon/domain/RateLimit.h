#pragma once

#include <cstdint>

namespace usher {

/// What a credential's window holds, as its plugin says.
struct RateLimit {
    std::int64_t limit = 0;
    std::int64_t remaining = 0;
    std::int64_t resetMs = 0; ///< until the window has room again
};

} // namespace usher
