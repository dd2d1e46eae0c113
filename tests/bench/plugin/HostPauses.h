#pragma once

#include "base/Clock.h"

#include <atomic>
#include <thread>
#include <vector>

namespace usher::bench {

/// When did this (virtual) machine stand still? One thread a core, in front of everything else (SCHED_FIFO),
/// wakes every millisecond: hardly anything but the machine's host can make it late. On shared hardware that
/// is 4 to 8 ms, about once a second and core, which is just what a p99 of microseconds drowns in.
/// Needs the right to SCHED_FIFO. [any-thread] once stopped
class HostPauses {
public:
    HostPauses();
    ~HostPauses() { stop(); }
    HostPauses(const HostPauses&) = delete;
    HostPauses& operator=(const HostPauses&) = delete;

    /// False: it could not watch, nothing is known.
    bool watching() const { return _watching; }
    void stop();
    /// Did any core stand still between the two, or so shortly before that there was still a queue?
    bool touch(Instant begin, Instant end) const;

private:
    struct Pause {
        Instant begin, end;
    };
    struct Core {
        std::thread thread;
        std::vector<Pause> pauses;
    };
    void watch(Core&);

    std::vector<Core> _cores;
    std::atomic<bool> _watching{true}, _stop{false};
};

} // namespace usher::bench
