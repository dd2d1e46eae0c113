#pragma once

#include "KeySet.h"
#include "Rules.h"

#include "usher/auth.hpp"

#include <cstdint>

namespace usher::oidc {

/// What a token is asked for. The bytes are its own: it may wait for keys.
struct Question {
    auth::Call call;
    Token token;
    std::string action, job, startedBy;
};

// The verdicts, each with its code. Pure. [any-thread]

auth::Verdict tokenRequired();
auth::Verdict conflictingCredentials();
auth::Verdict invalidFormat();
auth::Verdict unknownIssuer();
auth::Verdict unsupportedAlgorithm();
auth::Verdict unknownKey();

/// Signature, then the times (with `leeway` seconds to either side), the audience and the subject, then what
/// the issuer's rules say. `now` in seconds since 1970.
auth::Verdict judge(const Question& question, const Issuer& issuer, const KeySet& keys, std::int64_t now,
                    std::int64_t leeway);

} // namespace usher::oidc
