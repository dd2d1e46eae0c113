#pragma once

#include "base/Clock.h"
#include "domain/Askers.h"
#include "domain/RateLimit.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace usher {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// Who asked, as a plugin vouches for it. Never key material.
struct Principal {
    std::string id;   ///< stable: "api-key:<id>", "user:<id>"
    std::string name; ///< for people
    std::string role; ///< viewer, editor, admin, or empty for a key
};

/// One question to the plugins: may this request do this?
struct AuthRequest {
    std::string requestId;
    std::string action;   ///< "job.trigger"
    std::string resource; ///< the job's or run's id, may be empty
    std::string method;
    std::string target;
    std::string peerAddress;          ///< of the socket, without the port
    std::string tlsClientFingerprint; ///< empty without a client certificate
    Fields headers;                   ///< as received, names in any case
    Fields attributes;                ///< job_id, started_by, secure, client_address, principal
    std::string body;
    Instant deadline;
    std::shared_ptr<Askers> askers = nullptr; ///< null: the answer is wanted whatever happens
};

enum class Decision { error, allow, deny, abstain };

struct Verdict {
    Decision decision = Decision::error;
    int httpStatus = 0; ///< 0: 401, 403 or 503 by decision
    Principal principal;
    std::string code;
    std::string title;        ///< goes to the client as `error`
    std::string message;      ///< goes to the client: what to do about it
    std::string auditMessage; ///< goes to the log only
    Fields headers;
    std::optional<RateLimit> limits;
    bool replayOk = false; ///< refused only for the window or the uses: a known replay may still be answered
    bool guess = false;    ///< a credential that does not exist: counts against the caller's address
};

/// The other half of an ALLOW: tells the plugin, exactly once, what came of it. Destroyed without a word, it
/// says abandoned(), so that no path can forget. [any-thread]
class Settlement {
public:
    virtual ~Settlement() = default;
    virtual void accepted(const std::string& runId) = 0;
    virtual void abandoned() = 0; ///< give back what the check cost
    virtual void unknown() = 0;   ///< the commit's outcome is not known: keep it
};

struct Answer {
    Verdict verdict;
    std::vector<std::unique_ptr<Settlement>> settlements; ///< one per plugin that allowed
};

/// Somebody who can be asked: one plugin instance, or a chain of them.
class Authenticator {
public:
    using Done = std::function<void(Answer)>;

    virtual ~Authenticator() = default;
    virtual const std::string& name() const = 0;
    /// Never blocks longer than 100 µs. `done` is called exactly once, from any thread, perhaps before
    /// check() returns, at the latest when the request's deadline has passed (verdict error,
    /// AUTH_UNAVAILABLE), and soon after all its askers went away (error, CLIENT_GONE). `request` is shared
    /// because a plugin may retain its bytes past the answer. [any-thread]
    virtual void check(std::shared_ptr<const AuthRequest> request, Done done) = 0;
};

} // namespace usher
