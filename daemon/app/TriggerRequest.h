#pragma once

#include "app/TriggerBody.h"
#include "domain/Authenticator.h"
#include "domain/Refusal.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace usher {

/// One request to run a job.
struct TriggerRequest {
    std::shared_ptr<const AuthRequest> question; ///< action job.trigger, resource the job's id
    std::string jobId;
    std::variant<TriggerBody, Refusal> body;
    std::optional<std::string> idempotencyKey; ///< of the header
    std::string digest;                        ///< hex of SHA-256 over the body's bytes
    std::string credentialDigest;              ///< over everything that may prove who asks
};

/// A run that was made, or found again.
struct TriggeredRun {
    std::string jobId, jobName, runId, triggeredBy;
    Micros triggeredAt = 0;
    std::int64_t position = 1;
    int testCount = 0;
    bool replayed = false;
    bool coalesced = false; ///< the job's run that was queued already
};

struct TriggerAnswer {
    std::variant<TriggeredRun, Refusal> result;
    Fields fields;                   ///< rate-limit fields, WWW-Authenticate, …
    std::optional<RateLimit> limits; ///< as the fields tell them
    bool unknown = false;            ///< nobody can say whether the run was made
    bool guess = false;              ///< counts against the caller's address
    std::string principalId;         ///< empty when the credential is not known
    std::string auditMessage;
};

/// Called exactly once, on any thread.
using TriggerDone = std::function<void(const TriggerAnswer&)>;

} // namespace usher
