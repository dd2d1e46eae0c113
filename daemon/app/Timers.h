#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"

#include <functional>
#include <map>
#include <thread>
#include <utility>

namespace usher {

/// Calls functions at a time to come, in order, on one thread of its own: delayed answers, deadlines, pings.
/// What is called must be short and must not throw. Resolution about 1 ms; monotonic. [any-thread]
class Timers {
public:
    /// Names one call to come: when it is due, and its place among those that are due with it.
    using Ticket = std::pair<Instant, std::uint64_t>;

    Timers() = default;
    ~Timers() { stop(); }

    void start();
    /// Drops what has not come due, joins the thread. [main]
    void stop();
    Ticket at(Instant due, std::function<void()> work);
    Ticket after(std::chrono::milliseconds delay, std::function<void()> work) {
        return at(std::chrono::steady_clock::now() + delay, std::move(work));
    }
    /// Drops the call and all that it owns; nothing when it has begun.
    void cancel(Ticket ticket);

private:
    void run();

    Mutex _mutex;
    Condition _changed;
    std::map<Ticket, std::function<void()>> _calls GUARDED_BY(_mutex);
    std::uint64_t _next GUARDED_BY(_mutex) = 0;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
