#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"

#include <usher/auth.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace usher {

/// Something to say to a plugin.
struct Work {
    enum class Kind : std::uint8_t { check, route, settled, cancel, timer };
    Kind kind;
    usher_call call;          ///< timer: its id
    std::int32_t outcome = 0; ///< settled: USHER_ACCEPTED, …
    std::string runId = {};   ///< settled
};

/// The queue and the threads on which one plugin instance is called; they block every signal. `run` may take
/// as long as it likes: only this plugin waits. The queue is bounded by the calls that its owner lets in.
class Lane {
public:
    /// `name` is what ps shows, at most 15 bytes.
    Lane(std::string name, std::function<void(Work&)> run);
    /// Only when never started, or after finish() said true.
    ~Lane() = default;

    void start(std::size_t threads);
    bool started() const { return !_threads.empty(); } ///< [the thread that calls start()]
    /// False: it has been finished, or was never started. [any-thread]
    bool push(Work work);
    /// Runs what is queued, ends and joins the threads. False: at `until` one had not come back from the
    /// plugin; then this object must stay for ever.
    bool finish(Instant until);

private:
    void serve();

    const std::string _name;
    const std::function<void(Work&)> _run;
    std::vector<std::thread> _threads;
    Mutex _mutex;
    Condition _something, _ended;
    std::deque<Work> _queue GUARDED_BY(_mutex);
    std::size_t _idle GUARDED_BY(_mutex) = 0;
    long _alive GUARDED_BY(_mutex) = 0; ///< started less ended; a quick thread may end before it is counted
    bool _ending GUARDED_BY(_mutex) = false;
};

/// A thread of our own that may enter a plugin, or is the host's: every signal blocked.
std::thread startQuietThread(std::string name, std::function<void()> body);

/// The [main] thread of one instance: create, start, stop, destroy run here, one after the other, each with a
/// limit.
class LifeThread {
public:
    explicit LifeThread(std::string name);
    /// Ends the thread; only when no task is stuck.
    ~LifeThread();
    /// Waits for earlier tasks, runs this one. False: `limit` passed first. Then the task may still be
    /// running, or run later: it must own what it refers to. What the task throws is the caller's to prevent.
    /// [any-thread]
    bool run(std::function<void()> task, std::chrono::milliseconds limit);
    /// Is a task running or waiting?
    bool busy();

private:
    void serve();
    Mutex _mutex;
    Condition _change;
    std::deque<std::function<void()>> _tasks GUARDED_BY(_mutex);
    std::uint64_t _given GUARDED_BY(_mutex) = 0, _done GUARDED_BY(_mutex) = 0;
    bool _ending GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
