#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"

#include <functional>
#include <thread>
#include <vector>

namespace usher {

/// Calls functions at a time to come, in order, on one thread of its own: delayed answers, deadlines, pings.
/// What is called must be short and must not throw. Resolution about 1 ms; monotonic. [any-thread]
class Timers {
public:
    Timers() = default;
    ~Timers() { stop(); }

    void start();
    /// Drops what has not come due, joins the thread. [main]
    void stop();
    void at(Instant due, std::function<void()> work);
    void after(std::chrono::milliseconds delay, std::function<void()> work) {
        at(std::chrono::steady_clock::now() + delay, std::move(work));
    }

private:
    struct Entry {
        Instant due;
        std::uint64_t order; ///< equal times stay in order
        std::function<void()> work;
    };
    struct Later {
        bool operator()(const Entry& a, const Entry& b) const {
            return a.due != b.due ? a.due > b.due : a.order > b.order;
        }
    };

    void run();

    Mutex _mutex;
    Condition _changed;
    std::vector<Entry> _heap GUARDED_BY(_mutex);
    std::uint64_t _next GUARDED_BY(_mutex) = 0;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
