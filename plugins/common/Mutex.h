#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// The plugins' own annotations for clang's thread-safety analysis (preset tsa): a plugin includes no header
// of the daemon, so the macros carry another prefix than daemon/base/Mutex.h.
#if defined(__clang__)
#define PLUGIN_TSA(x) __attribute__((x))
#else
#define PLUGIN_TSA(x)
#endif
#define PLUGIN_GUARDED_BY(x) PLUGIN_TSA(guarded_by(x))
#define PLUGIN_REQUIRES(x) PLUGIN_TSA(requires_capability(x))

namespace usher::plugin {

/// std::mutex that clang can reason about.
class PLUGIN_TSA(capability("mutex")) Mutex {
public:
    void lock() PLUGIN_TSA(acquire_capability()) { _mutex.lock(); }
    void unlock() PLUGIN_TSA(release_capability()) { _mutex.unlock(); }

private:
    friend class Condition;
    std::mutex _mutex;
};

/// Holds a Mutex for a scope.
class PLUGIN_TSA(scoped_lockable) Lock {
public:
    explicit Lock(Mutex& mutex) PLUGIN_TSA(acquire_capability(mutex)) : _mutex(mutex) { _mutex.lock(); }
    ~Lock() PLUGIN_TSA(release_capability()) { _mutex.unlock(); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

private:
    friend class Condition;
    Mutex& _mutex;
};

/// Condition variable for Lock. Callers loop over their predicate.
class Condition {
public:
    void wait(Lock& lock) {
        std::unique_lock<std::mutex> inner(lock._mutex._mutex, std::adopt_lock);
        _condition.wait(inner);
        inner.release();
    }
    /// False when `until` has passed.
    bool waitUntil(Lock& lock, std::chrono::steady_clock::time_point until) {
        std::unique_lock<std::mutex> inner(lock._mutex._mutex, std::adopt_lock);
        const auto status = _condition.wait_until(inner, until);
        inner.release();
        return status == std::cv_status::no_timeout;
    }
    void notifyOne() { _condition.notify_one(); }
    void notifyAll() { _condition.notify_all(); }

private:
    std::condition_variable _condition;
};

} // namespace usher::plugin
