#pragma once

#include "domain/RateLimit.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace usher {

/// Why a request is not carried out, in the words of the HTTP contract. Title and code are stable; the
/// message says what to do about it and may improve.
struct Refusal {
    struct Detail {
        std::string field;
        std::string message;
    };

    int status = 400;
    std::string title;
    std::string message;
    std::string code;
    std::vector<Detail> details;
    int retryAfterSeconds = 0;            ///< 0: no Retry-After
    std::optional<RateLimit> limits = {}; ///< of a 429 that a plugin spoke: goes into its body
};

} // namespace usher
