#pragma once

#include "Permissions.h"

#include <usher/auth.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace usher::apikey {

/// One question on its way to a verdict: what check() copied out of the request, and the duty to answer it.
struct Check {
    auth::Call call;
    auth::Deadline deadline;
    Verb verb = Verb::trigger;
    bool spends = false;  ///< a trigger; reading or cancelling a run costs nothing
    bool lists = false;   ///< the runs of `job`, not one of them
    std::string digest{}; ///< 32 bytes, SHA-256 of the key
    std::string stored{}; ///< the digest as base64url: what the database holds
    std::string
        plain{};       ///< the key itself, only where accept_plaintext allows it to be looked up; else empty
    std::string job{}; ///< lower case
    std::string startedBy{}; ///< of a run: the principal that triggered it
    std::string address{};
};

/// A row of `apikey`, as one question needs it.
struct KeyRow {
    std::string stored, id, name, start;
    std::optional<std::string> jobId;
    bool enabled = false, expired = true;
    bool limited = true;
    std::int64_t max = 0, windowMs = 0;
    std::optional<std::int64_t> remaining;
    std::string allowedAddresses; ///< empty: from anywhere
    std::optional<std::string> permissions;

    bool spends() const { return limited || remaining; }
};

/// For the RateLimit fields.
struct Limits {
    std::int64_t max = 0, remaining = 0, resetMs = 0;
};

} // namespace usher::apikey
