#include "app/FarRuns.h"

#include <algorithm>

namespace usher {

namespace {

constexpr std::size_t kRound = 50;
constexpr auto kPause = std::chrono::milliseconds(500);

} // namespace

void FarRuns::start() {
    _thread = std::thread([this] { run(); });
}

void FarRuns::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

void FarRuns::look() {
    std::vector<std::string> watched = _feed.watched();
    std::sort(watched.begin(), watched.end());
    std::erase_if(_seen, [&](const auto& one) {
        return !std::binary_search(watched.begin(), watched.end(), one.first);
    });
    if (watched.size() > kRound) {
        auto next = std::upper_bound(watched.begin(), watched.end(), _last);
        std::rotate(watched.begin(), next, watched.end());
        watched.resize(kRound);
        _last = watched.back();
    }
    for (const std::string& id : watched) {
        const auto run = _runs.findRun(id);
        // What we lead ourselves the scheduler tells, and sooner.
        if (!run || (run->status == RunStatus::running && run->nodeId == _nodeId)) continue;
        Seen& seen = _seen[id];
        if (seen.status != run->status || seen.attempt != run->attempt)
            _feed.stateChanged(id, run->status, run->attempt);
        else if (run->status == RunStatus::running)
            _feed.journalGrew(id);
        seen = {run->status, run->attempt};
    }
}

void FarRuns::run() {
    while (true) {
        {
            Lock lock(_mutex);
            const Instant until = std::chrono::steady_clock::now() + kPause;
            while (!_stopping && std::chrono::steady_clock::now() < until) _changed.waitUntil(lock, until);
            if (_stopping) return;
        }
        try {
            look();
        } catch (const std::exception&) {
            // The database is away: who watches hears of it elsewhere.
        }
    }
}

} // namespace usher
