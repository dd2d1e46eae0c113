#include "app/RunFeed.h"

namespace usher {

void RunFeed::start() {
    _thread = std::thread([this] { run(); });
}

void RunFeed::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

RunFeed::Watch RunFeed::watch(const std::string& runId, Watcher watcher) {
    Lock lock(_mutex);
    std::uint64_t id = _nextId++;
    _watchers[runId].push_back({id, std::make_shared<Watcher>(std::move(watcher))});
    return Watch(this, runId, id);
}

void RunFeed::unwatch(const std::string& runId, std::uint64_t id) {
    std::shared_ptr<Watcher> last; // dies outside the lock: it may own the watch of another run
    Lock lock(_mutex);
    auto found = _watchers.find(runId);
    if (found == _watchers.end()) return;
    for (auto it = found->second.begin(); it != found->second.end(); ++it) {
        if (it->id != id) continue;
        last = std::move(it->watcher);
        found->second.erase(it);
        break;
    }
    if (found->second.empty()) _watchers.erase(found);
    lock.unlock();
    last.reset();
    lock.lock();
}

void RunFeed::journalGrew(const std::string& runId) {
    {
        Lock lock(_mutex);
        if (!_watchers.contains(runId)) return;
        _changes[runId].journal = true;
    }
    _changed.notifyOne();
}

void RunFeed::stateChanged(const std::string& runId, RunStatus status, int attempt) {
    {
        Lock lock(_mutex);
        if (!_watchers.contains(runId)) return;
        Change& change = _changes[runId];
        change.status = status;
        change.attempt = attempt;
    }
    _changed.notifyOne();
}

std::vector<std::string> RunFeed::watched() {
    Lock lock(_mutex);
    std::vector<std::string> ids;
    for (const auto& [id, _] : _watchers) ids.push_back(id);
    return ids;
}

void RunFeed::run() {
    Lock lock(_mutex);
    while (true) {
        while (_changes.empty() && !_stopping) _changed.wait(lock);
        if (_stopping) return;
        auto changes = std::move(_changes);
        _changes.clear();
        std::vector<std::pair<std::shared_ptr<Watcher>, Change>> calls;
        for (const auto& [runId, change] : changes) {
            auto found = _watchers.find(runId);
            if (found == _watchers.end()) continue;
            for (const Entry& entry : found->second) calls.emplace_back(entry.watcher, change);
        }
        lock.unlock();
        for (auto& [watcher, change] : calls) (*watcher)(change);
        calls.clear();
        lock.lock();
    }
}

} // namespace usher
