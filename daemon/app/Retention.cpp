#include "app/Retention.h"

#include <algorithm>
#include <chrono>
#include <span>

namespace usher {

namespace {

constexpr int kBatch = 50; // on SQLite a batch is one turn of the writers: some milliseconds
constexpr std::size_t kLookups = 500;
constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::minutes kEvery{10};

} // namespace

Retention::Retention(RetentionRules rules, std::string nodeId, RetentionStore& store, RunFiles& files,
                     const Clock& clock, Poco::Logger& logger)
    : _rules(rules), _nodeId(std::move(nodeId)), _store(store), _files(files), _clock(clock),
      _logger(logger) {}

void Retention::start() {
    _thread = std::thread([this] { run(); });
}

void Retention::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

bool Retention::stopping() {
    Lock lock(_mutex);
    return _stopping;
}

void Retention::pause() {
    Lock lock(_mutex);
    const Instant until = _clock.instant() + kPause;
    while (!_stopping && _clock.instant() < until) _changed.waitUntil(lock, until);
}

Retention::Pruned Retention::prune(const RetentionRules& rules, Instant until) {
    const Pruned pruned = deleteExpired(rules, until);
    if (!pruned.more) discardDeleted(until);
    return pruned;
}

Retention::Pruned Retention::deleteExpired(const RetentionRules& rules, Instant until) {
    Pruned pruned;
    // Who asks again as long as there is more must come to an end: each answer deletes something.
    auto goesOn = [&] {
        pruned.more = pruned.runs > 0 && _clock.instant() >= until;
        return !pruned.more && !stopping();
    };
    if (rules.keepDays > 0) {
        while (true) {
            const auto runs = _store.findOlder(rules.keepDays, _nodeId, _clock.now(), kBatch);
            if (runs.empty()) break;
            pruned.runs += remove(runs);
            if (!goesOn()) return pruned;
        }
    }
    if (rules.keepRuns > 0) {
        std::string job;
        while (true) {
            const auto runs = _store.findBeyond(rules.keepRuns, _nodeId, _clock.now(), kBatch, job);
            if (!runs.empty()) pruned.runs += remove(runs);
            if (job.empty() || !goesOn()) return pruned;
        }
    }
    return pruned;
}

int Retention::remove(const std::vector<std::string>& runs) {
    for (const std::string& run : runs) {
        try {
            _files.remove(run);
        } catch (const std::exception& error) {
            _logger.warning("files of run " + run + " are left behind: " + error.what());
        }
    }
    const int removed = _store.deleteRuns(runs);
    pause();
    return removed;
}

void Retention::discardDeleted(Instant until) {
    // The folders first: a run has its row before it has a folder, so what has none afterwards was deleted.
    const std::vector<std::string> runs = _files.listRuns();
    for (std::size_t at = 0; at < runs.size() && !stopping(); at += kLookups) {
        const auto some = std::span(runs).subspan(at, std::min(kLookups, runs.size() - at));
        for (const std::string& run : _store.deletedOf(some)) {
            try {
                if (_files.tryDiscard(run))
                    _logger.information("files of run " + run + " removed: it was deleted");
            } catch (const std::exception& error) {
                _logger.warning("files of run " + run + " are left behind: " + error.what());
            }
        }
        if (_clock.instant() >= until) return;
        pause();
    }
}

void Retention::run() {
    while (!stopping()) {
        try {
            const Pruned pruned = prune(_rules, _clock.instant() + kEvery);
            if (pruned.runs > 0)
                _logger.information("retention: " + std::to_string(pruned.runs) + " old runs deleted");
        } catch (const std::exception& error) {
            _logger.warning("retention waits for the next time: " + std::string(error.what()));
        }
        Lock lock(_mutex);
        const Instant next = _clock.instant() + kEvery;
        while (!_stopping && _clock.instant() < next) _changed.waitUntil(lock, next);
    }
}

} // namespace usher
