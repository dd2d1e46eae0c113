#include "app/QueueGauge.h"

#include <algorithm>

namespace usher {

bool QueueGauge::stale(const Level& level, Instant now) const {
    if (level.countedAt == Instant{}) return true;
    return _shared && now - level.countedAt > std::chrono::seconds(1);
}

void QueueGauge::recount(const std::vector<Wish>& wishes, Instant now, Instant deadline, bool onlyFull) {
    std::vector<std::string> ids;
    std::vector<int> limits;
    bool overall = false;
    {
        Lock lock(_mutex);
        std::unordered_map<std::string, std::int64_t> wanted;
        for (const Wish& wish : wishes) ++wanted[*wish.jobId];
        for (const Wish& wish : wishes) {
            const Level& level = _jobs[*wish.jobId];
            bool full = level.queued + wanted[*wish.jobId] > wish.limit;
            bool asked = std::find(ids.begin(), ids.end(), *wish.jobId) != ids.end();
            if (!asked && (onlyFull ? full : stale(level, now))) {
                ids.push_back(*wish.jobId);
                limits.push_back(wish.limit);
            }
        }
        bool full = _overall.queued + static_cast<std::int64_t>(wishes.size()) > _overallLimit;
        overall = onlyFull ? full : stale(_overall, now);
    }
    // No call to the database under the lock. What is claimed meanwhile makes the count too high, never too
    // low.
    std::vector<std::int64_t> counts;
    std::int64_t all = 0;
    if (!ids.empty()) counts = _store.countQueued(ids, limits, deadline);
    if (overall) all = _store.countAllQueued(_overallLimit + 1, deadline);
    Lock lock(_mutex);
    for (std::size_t i = 0; i < ids.size(); ++i) _jobs[ids[i]] = {counts[i], now};
    if (overall) _overall = {all, now};
}

std::vector<std::int64_t> QueueGauge::reserve(const std::vector<Wish>& wishes, Instant now,
                                              Instant deadline) {
    recount(wishes, now, deadline, false);
    recount(wishes, now, deadline, true);
    std::vector<std::int64_t> places;
    places.reserve(wishes.size());
    Lock lock(_mutex);
    for (const Wish& wish : wishes) {
        Level& level = _jobs[*wish.jobId];
        if (level.queued >= wish.limit || _overall.queued >= _overallLimit) {
            places.push_back(0);
            continue;
        }
        ++_overall.queued;
        places.push_back(++level.queued);
    }
    return places;
}

void QueueGauge::left(const std::string& jobId, std::int64_t count) {
    Lock lock(_mutex);
    auto found = _jobs.find(jobId);
    if (found != _jobs.end()) found->second.queued = std::max<std::int64_t>(0, found->second.queued - count);
    _overall.queued = std::max<std::int64_t>(0, _overall.queued - count);
}

} // namespace usher
