#pragma once

#include "base/Mutex.h"

#include <deque>
#include <functional>
#include <thread>
#include <vector>

namespace usher {

/// Threads for work that may wait for the database, apart from the listener's workers: when the database
/// freezes, these fill up and refuse, and triggers, health and the rest go on. Bounded. [any-thread]
class BlockingPool {
public:
    BlockingPool(std::size_t threads, std::size_t maxWaiting)
        : _threadCount(threads), _maxWaiting(maxWaiting) {}
    ~BlockingPool() { stop(); }

    void start();
    /// Drops what has not begun, joins the threads. [main]
    void stop();
    /// False: too much waits already. The work must not throw.
    bool post(std::function<void()> work);

private:
    void run();

    const std::size_t _threadCount, _maxWaiting;
    Mutex _mutex;
    Condition _arrived;
    std::deque<std::function<void()>> _waiting GUARDED_BY(_mutex);
    bool _stopping GUARDED_BY(_mutex) = false;
    std::vector<std::thread> _threads;
};

} // namespace usher
