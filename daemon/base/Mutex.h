#pragma once

#include <condition_variable>
#include <mutex>

// clang's thread-safety analysis (preset tsa): members say which mutex guards them, and the compiler checks
// it.
#if defined(__clang__)
#define USHER_TSA(x) __attribute__((x))
#else
#define USHER_TSA(x)
#endif
#define CAPABILITY(x) USHER_TSA(capability(x))
#define SCOPED_CAPABILITY USHER_TSA(scoped_lockable)
#define GUARDED_BY(x) USHER_TSA(guarded_by(x))
#define PT_GUARDED_BY(x) USHER_TSA(pt_guarded_by(x))
#define REQUIRES(...) USHER_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) USHER_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) USHER_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) USHER_TSA(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS USHER_TSA(no_thread_safety_analysis)

namespace usher {

/// std::mutex that clang can reason about.
class CAPABILITY("mutex") Mutex {
public:
    void lock() ACQUIRE() { _mutex.lock(); }
    void unlock() RELEASE() { _mutex.unlock(); }

private:
    std::mutex _mutex;
};

/// Holds a Mutex for a scope; can be given up and taken back, so that nothing outside is called under a lock.
class SCOPED_CAPABILITY Lock {
public:
    explicit Lock(Mutex& mutex) ACQUIRE(mutex) : _mutex(mutex) { _mutex.lock(); }
    ~Lock() RELEASE() {
        if (_held) _mutex.unlock();
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    void unlock() RELEASE() {
        _held = false;
        _mutex.unlock();
    }
    void lock() ACQUIRE() {
        _mutex.lock();
        _held = true;
    }

private:
    Mutex& _mutex;
    bool _held = true;
};

/// Condition variable for Mutex and Lock. Callers loop over their predicate: the analysis cannot see into
/// lambdas.
class Condition {
public:
    void wait(Lock& lock) { _condition.wait(lock); }
    template <class Clock, class Duration>
    std::cv_status waitUntil(Lock& lock, const std::chrono::time_point<Clock, Duration>& time) {
        return _condition.wait_until(lock, time);
    }
    void notifyOne() { _condition.notify_one(); }
    void notifyAll() { _condition.notify_all(); }

private:
    std::condition_variable_any _condition;
};

} // namespace usher
