#pragma once

#include "app/GuessThrottle.h"
#include "app/Timers.h"
#include "domain/Authenticator.h"
#include "domain/Refusal.h"
#include "http/ClientOrigin.h"
#include "http/Exchange.h"
#include "observe/AuditLog.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace usher {

/// The door: turns a request into a question, picks the chain for its action, and answers refusals, slowly to
/// who guesses. It has no opinion of its own about who may do what. [any-thread]
class Gate {
public:
    struct Settings {
        std::vector<Cidr> trustedProxies;
        std::string publicUrl;
        int port = 0;
        bool tls = false;                       ///< the listener speaks nothing else
        std::chrono::milliseconds budget{1800}; ///< for everything that a request waits for
    };

    Gate(Settings settings, Authenticator& trigger, Authenticator& run, Authenticator& manage,
         GuessThrottle& throttle, Timers& timers, AuditLog& audit);

    /// `jobId`: of the job that it is about, or empty.
    std::shared_ptr<AuthRequest> question(const HttpRequest& request, const std::string& action,
                                          const std::string& resource, const std::string& jobId = {}) const;
    /// The chain that answers this action: job.trigger, run.*, all the rest.
    Authenticator& chainFor(const std::string& action) const;
    ClientOrigin originOf(const HttpRequest& request) const {
        return clientOrigin(request, _settings.trustedProxies);
    }

    /// Answers a refusal that the plugins spoke, keeps the record, and slows guessing down.
    void refuse(std::shared_ptr<Exchange> exchange, const AuthRequest& question, Reply reply,
                const Refusal& refusal, bool guess, const std::string& principalId,
                const std::string& auditMessage);

    const Settings& settings() const { return _settings; }
    /// Where clients reach us, without a slash at its end: public_url; without it our own door on this
    /// machine.
    std::string baseUrl() const;
    /// The port that the listener got, when the configuration left it open.
    void setPort(int port) { _port = port; }

private:
    const Settings _settings;
    std::atomic<int> _port; ///< known only when the listener runs, that is when requests may come
    Authenticator& _trigger;
    Authenticator& _run;
    Authenticator& _manage;
    GuessThrottle& _throttle;
    Timers& _timers;
    AuditLog& _audit;
};

/// The error reply for a refusal: the one shape, with WWW-Authenticate or Retry-After where they belong.
Reply toReply(const Refusal& refusal, const std::string& requestId, const Fields& fields = {});

} // namespace usher
