#include "app/QueueGauge.h"

#include <algorithm>
#include <set>

namespace usher {

bool QueueGauge::stale(const Level& level, Instant now) const {
    if (level.countedAt == Instant{}) return true;
    // Counting must not eat the database: at most a fiftieth of the time goes into it.
    return _shared &&
           now - level.countedAt > std::max<std::chrono::nanoseconds>(std::chrono::seconds(1), _cost * 50);
}

QueueGauge::Need QueueGauge::whatToCount(const std::vector<Wish>& wishes, Instant now, bool whenFull) {
    Need need;
    std::unordered_map<std::string_view, std::int64_t> wanted;
    for (const Wish& wish : wishes) ++wanted[*wish.jobId];
    std::set<std::string_view> seen;
    for (const Wish& wish : wishes) {
        if (!seen.insert(*wish.jobId).second) continue;
        const Level& level = _jobs[*wish.jobId];
        bool full = level.bound + wanted[*wish.jobId] > wish.limit;
        if (whenFull ? full : stale(level, now)) {
            need.jobs.push_back(*wish.jobId);
            need.limits.push_back(wish.limit);
        }
    }
    bool full = _overall.bound + static_cast<std::int64_t>(wishes.size()) > _overallLimit;
    need.overall = whenFull ? full : stale(_overall, now);
    return need;
}

void QueueGauge::awaitSettled(const Need& need, Instant deadline) {
    // A row that another committer has stored and not yet settled would be counted twice.
    Lock lock(_mutex);
    while (true) {
        bool open = need.overall && _overall.pending > 0;
        for (const std::string& job : need.jobs) open = open || _jobs[job].pending > 0;
        if (!open || _settled.waitUntil(lock, deadline) == std::cv_status::timeout) return;
    }
}

void QueueGauge::count(const Need& need, Instant now, Instant deadline) {
    // No call to the database under the lock. Whoever reserves meanwhile is added by the difference.
    std::vector<std::int64_t> before;
    std::int64_t overallBefore = 0;
    {
        Lock lock(_mutex);
        for (const std::string& job : need.jobs) before.push_back(_jobs[job].bound);
        overallBefore = _overall.bound;
    }
    auto began = std::chrono::steady_clock::now();
    std::vector<std::int64_t> counts;
    std::int64_t all = 0;
    if (!need.jobs.empty()) counts = _store.countQueued(need.jobs, need.limits, deadline);
    if (need.overall) all = _store.countAllQueued(_overallLimit + 1, deadline);
    Lock lock(_mutex);
    _cost = std::chrono::steady_clock::now() - began;
    auto set = [&](Level& level, std::int64_t counted, std::int64_t boundBefore) {
        level.bound = counted + std::max<std::int64_t>(0, level.bound - boundBefore);
        level.shown = level.bound;
        level.countedAt = now;
    };
    for (std::size_t i = 0; i < need.jobs.size(); ++i) set(_jobs[need.jobs[i]], counts[i], before[i]);
    if (need.overall) set(_overall, all, overallBefore);
}

std::vector<std::int64_t> QueueGauge::reserve(const std::vector<Wish>& wishes, Instant now,
                                              Instant deadline) {
    for (bool whenFull : {false, true}) {
        Need need;
        {
            Lock lock(_mutex);
            need = whatToCount(wishes, now, whenFull);
        }
        if (need.jobs.empty() && !need.overall) continue;
        awaitSettled(need, deadline);
        count(need, now, deadline);
    }
    std::vector<std::int64_t> places;
    places.reserve(wishes.size());
    Lock lock(_mutex);
    for (const Wish& wish : wishes) {
        Level& level = _jobs[*wish.jobId];
        if (level.bound >= wish.limit || _overall.bound >= _overallLimit) {
            places.push_back(0);
            continue;
        }
        for (Level* one : {&level, &_overall}) {
            ++one->bound;
            ++one->shown;
            ++one->pending;
        }
        places.push_back(std::max<std::int64_t>(1, level.shown));
    }
    return places;
}

void QueueGauge::stored(const std::string& jobId) {
    {
        Lock lock(_mutex);
        --_jobs[jobId].pending;
        --_overall.pending;
    }
    _settled.notifyAll();
}

void QueueGauge::dropped(const std::string& jobId) {
    {
        Lock lock(_mutex);
        for (Level* one : {&_jobs[jobId], &_overall}) {
            --one->pending;
            --one->bound;
            --one->shown;
        }
    }
    _settled.notifyAll();
}

void QueueGauge::left(const std::string& jobId) {
    Lock lock(_mutex);
    auto found = _jobs.find(jobId);
    if (found != _jobs.end()) found->second.shown = std::max<std::int64_t>(0, found->second.shown - 1);
}

} // namespace usher
