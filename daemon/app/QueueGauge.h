#pragma once

#include "base/Mutex.h"
#include "domain/TriggerStore.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace usher {

/// How many runs wait, per job and overall, without counting rows for each trigger. It knows what this node
/// inserted and claimed, so that it is exact while this is the only node; before it refuses anything it
/// counts in the database, so that it never refuses by mistake. With other nodes it counts again every
/// second. reserve() [committer]; the rest [any-thread].
class QueueGauge {
public:
    QueueGauge(TriggerStore& store, std::int64_t overallLimit) : _store(store), _overallLimit(overallLimit) {}

    /// Other nodes share the database: what this node knows goes stale.
    void setShared(bool shared) { _shared = shared; }

    struct Wish {
        const std::string* jobId;
        int limit;
    };
    /// For each wish, in order: the place in the job's queue (from 1) or 0 when the job's queue or the whole
    /// queue is full. A place that is not used in the end must be given back with left(). May throw
    /// StorageUnavailable.
    std::vector<std::int64_t> reserve(const std::vector<Wish>& wishes, Instant now, Instant deadline);
    /// `count` runs of this job are no longer queued: claimed, cancelled, or never inserted.
    void left(const std::string& jobId, std::int64_t count = 1);

private:
    struct Level {
        std::int64_t queued = 0;
        Instant countedAt{}; ///< the epoch: never
    };
    bool stale(const Level& level, Instant now) const;
    void recount(const std::vector<Wish>& wishes, Instant now, Instant deadline, bool onlyFull);

    TriggerStore& _store;
    const std::int64_t _overallLimit;
    std::atomic<bool> _shared{false};
    Mutex _mutex;
    std::unordered_map<std::string, Level> _jobs GUARDED_BY(_mutex);
    Level _overall GUARDED_BY(_mutex);
};

} // namespace usher
