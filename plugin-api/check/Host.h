#pragma once

#include "Case.h"
#include "Subject.h"

#include <usher/auth.h>
#include <usher/ext/audit.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace usher::check {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Memory that ends where the next page must not be touched, and that can be taken away altogether.
class Guarded {
public:
    explicit Guarded(std::size_t size);
    ~Guarded();
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    char* data() const { return _data; }
    void forbid(); ///< whoever touches it from now on dies

private:
    char* _map;
    std::size_t _whole;
    char* _data;
};

/// A question, in the host's own words.
struct Question {
    std::string action = "job.trigger", resource, method = "POST", target, peer = "192.0.2.77", body;
    Fields headers, attributes;
    std::chrono::milliseconds budget{1500};
};

/// What the plugin said, copied.
struct Said {
    bool answered = false;
    usher_decision decision = USHER_ERROR;
    std::string principal, texts; ///< texts: everything that ends up in a log or at the client
};

/// A call from check() on. Members are guarded by the host's mutex.
struct Call {
    usher_call handle = 0;
    Clock::time_point deadline;
    bool open = true, inside = false, exactStructs = false;
    int completions = 0; ///< complete() calls, the STALE ones too
    unsigned retained = 0;
    Said said;
    std::unique_ptr<Guarded> memory; ///< the request and all that it points to
    const usher_request* request = nullptr;
};

/// How this host behaves where a plugin must take either.
struct Manner {
    bool exact = false;     ///< structs end at a page that must not be touched
    bool oversized = false; ///< structs are longer than the plugin knows, the rest is rubbish
    bool extensions = true; ///< false: none at all
    bool takeAway = false;  ///< a request's memory is gone as soon as the rules allow
};

/// An usherd for one plugin instance, within a test's process. Not usherd's own code: what the plugin does
/// must follow from the headers alone. [any-thread] unless said otherwise
class Host {
public:
    Host(const Options& options, const usher_auth_ops& ops, Manner manner = {});
    ~Host();

    /// create(); false with what it logged in log(). [main]
    bool create();
    /// create() and start(); throws NotJudged when the plugin refuses its configuration. [main]
    void begin();
    bool start();
    void stop();
    void destroy();
    /// stop() and destroy().
    void end() { stop(), destroy(); }

    /// Calls check(). The call may be answered already, or later.
    std::shared_ptr<Call> ask(const Question& question);
    /// Waits for the answer until the deadline, calls cancel() then. `grace`: how long to go on waiting for
    /// complete() after that.
    Said await(const std::shared_ptr<Call>& call, std::chrono::milliseconds grace = 0ms);
    Said askAndAwait(const Question& question) { return await(ask(question)); }
    /// For cases that judge something else: throws NotJudged when the answer does not come in time.
    Said expectAnswer(const Question& question);
    void cancel(const std::shared_ptr<Call>& call);
    void settle(const std::shared_ptr<Call>& call, std::int32_t kind);
    int completions(const std::shared_ptr<Call>& call);

    /// A question about the job of the options, with these headers.
    Question question(Fields headers) const;
    std::string log();
    const usher_auth_ops& ops() const { return _ops; }
    void* self() const { return _self; }
    const usher_host* table() const { return _table; }

private:
    friend struct HostFunctions;
    void build(Call& call, const Question& question);
    bool mayAllow(const Said& said) const;

    const Options& _options;
    const usher_auth_ops _ops;
    const Manner _manner;
    Guarded _tableMemory;
    usher_host* _table;
    void* _self = nullptr;
    std::string _stateDir;
    std::timed_mutex _turn;

    std::mutex _mutex;
    std::condition_variable _change;
    std::map<usher_call, std::shared_ptr<Call>> _calls;
    std::uint64_t _next = 1;
    std::string _log;
};

/// Fails with the rule when `condition` does not hold.
inline void require(bool condition, int rule, const std::string& what) {
    if (!condition) throw Broken(rule, what);
}

} // namespace usher::check
