#pragma once

#include "base/Mutex.h"
#include "domain/TriggerStore.h"

#include <atomic>
#include <string>
#include <unordered_map>
#include <vector>

namespace usher {

/// DESIGN. How many runs wait, per job and overall, without counting rows for each trigger. Each level keeps
/// an upper bound: what the database said last plus what this node let in since. Runs that leave the queue do
/// not lower it, for their news may be older than the count. While the bound is below the limit nothing needs
/// counting; when it is not, the rows are counted before anybody is refused. So on one node nothing is let in
/// past a limit and nothing is refused below it. With other nodes, what they let in is learnt by counting
/// again every second: over by at most a batch each. [any-thread]; reserve() may wait for another committer's
/// rows to be settled.
class QueueGauge {
public:
    QueueGauge(TriggerStore& store, std::int64_t overallLimit) : _store(store), _overallLimit(overallLimit) {}

    /// Other nodes share the database.
    void setShared(bool shared) { _shared = shared; }

    struct Wish {
        const std::string* jobId;
        int limit;
    };
    /// For each wish, in order: the place in the job's queue (from 1, an estimate) or 0 when the job's queue
    /// or the whole queue is full. Each place is followed by one stored() or dropped(). May throw
    /// StorageUnavailable.
    std::vector<std::int64_t> reserve(const std::vector<Wish>& wishes, Instant now, Instant deadline);
    /// A reserved row was inserted.
    void stored(const std::string& jobId);
    /// A reserved row was not inserted.
    void dropped(const std::string& jobId);
    /// A queued run was claimed or cancelled: matters for the estimated places only.
    void left(const std::string& jobId);

private:
    struct Level {
        std::int64_t bound = 0;   ///< never less than what is queued
        std::int64_t shown = 0;   ///< the estimate that clients see
        std::int64_t pending = 0; ///< reserved and not settled yet
        Instant countedAt{};      ///< the epoch: never
    };
    struct Need {
        std::vector<std::string> jobs;
        std::vector<int> limits;
        bool overall = false;
    };
    bool stale(const Level& level, Instant now) const REQUIRES(_mutex);
    Need whatToCount(const std::vector<Wish>& wishes, Instant now, bool whenFull) REQUIRES(_mutex);
    void count(const Need& need, Instant now, Instant deadline);
    void awaitSettled(const Need& need, Instant deadline);

    TriggerStore& _store;
    const std::int64_t _overallLimit;
    std::atomic<bool> _shared{false};
    Mutex _mutex;
    Condition _settled;
    std::unordered_map<std::string, Level> _jobs GUARDED_BY(_mutex);
    Level _overall GUARDED_BY(_mutex);
    std::chrono::nanoseconds _cost GUARDED_BY(_mutex){0}; ///< of the last count
};

} // namespace usher
