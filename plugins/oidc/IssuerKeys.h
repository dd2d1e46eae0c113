#pragma once

#include "Fetch.h"
#include "Judge.h"

#include <deque>
#include <thread>

namespace usher::oidc {

struct KeyTimes {
    std::chrono::seconds leeway{30};       ///< of a token's times
    std::chrono::seconds refresh{3600};    ///< keys are fetched anew this often
    std::chrono::seconds refetch{30};      ///< after an answer, an unknown kid asks again no sooner
    std::chrono::seconds stale{86'400};    ///< keys are good this long while the issuer does not answer
    std::chrono::milliseconds fetch{3000}; ///< for one whole fetch
};

/// DESIGN. The keys of one issuer, and the questions that wait for them. One thread fetches; nobody else ever
/// waits for the network: a question whose key is there is judged where it is asked, one whose key is not
/// there waits in a list, and is answered by the thread when the fetch is over, or by the host at its
/// deadline. A kid that is unknown makes at most one fetch in `refetch`; in between it is refused at once, so
/// that made-up kids cost the issuer nothing. When a fetch fails, the old keys stay good for `stale`, and it
/// is tried again after 1 s, 2 s, 4 s … a minute.
class IssuerKeys {
public:
    IssuerKeys(auth::Host host, Issuer issuer, std::string authorities, KeyTimes times);
    /// After stop(), or when never started.
    ~IssuerKeys() = default;

    void start(); ///< the first fetch is under way when this returns
    void stop();  ///< answers what waits, joins the thread

    const std::string& id() const { return _issuer.id; }
    /// Answers, now or later. [any-thread]
    void ask(Question question);
    /// It is no longer waited for. [any-thread]
    void cancel(usher_call call);
    /// False with a reason when no token can be judged. [any-thread]
    bool healthy(std::string& reason);

private:
    using Keys = std::shared_ptr<const KeySet>;
    using Time = std::chrono::steady_clock::time_point;

    void serve();
    Keys fetchKeys();
    /// `keys`: null when none are good.
    void answer(Question& question, const Keys& keys, bool reachable) const;
    void took(Keys keys, const std::string& problem) PLUGIN_REQUIRES(_mutex);
    Keys goodKeys(Time now) const PLUGIN_REQUIRES(_mutex);

    const auth::Host _host;
    const Issuer _issuer;
    const KeyTimes _times;
    Fetch _fetch;
    std::thread _thread;

    plugin::Mutex _mutex;
    plugin::Condition _wake;
    Keys _keys PLUGIN_GUARDED_BY(_mutex);           ///< shared with the checks that read it
    Time _fetchedAt PLUGIN_GUARDED_BY(_mutex);      ///< when `_keys` were had
    Time _notBefore PLUGIN_GUARDED_BY(_mutex);      ///< of the next fetch
    std::string _problem PLUGIN_GUARDED_BY(_mutex); ///< of the last fetch; empty: it went well
    int _failures PLUGIN_GUARDED_BY(_mutex) = 0;    ///< in a row
    bool _fetching PLUGIN_GUARDED_BY(_mutex) = false, _ending PLUGIN_GUARDED_BY(_mutex) = false;
    std::deque<Question> _waiting PLUGIN_GUARDED_BY(_mutex);
};

} // namespace usher::oidc
