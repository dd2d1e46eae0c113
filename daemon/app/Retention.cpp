#include "app/Retention.h"

#include <chrono>

namespace usher {

namespace {

constexpr int kBatch = 50; // on SQLite a batch is one turn of the writers: some milliseconds
constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::minutes kEvery{10};

} // namespace

Retention::Retention(RetentionRules rules, std::string nodeId, RetentionStore& store, RunFiles& files,
                     const Clock& clock, Poco::Logger& logger)
    : _rules(rules), _nodeId(std::move(nodeId)), _store(store), _files(files), _clock(clock),
      _logger(logger) {}

void Retention::start() {
    if (_rules.keepDays > 0 || _rules.keepRuns > 0) _thread = std::thread([this] { run(); });
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

Retention::Pruned Retention::prune(const RetentionRules& rules, Instant until) {
    Pruned pruned;
    while (!stopping()) {
        const auto expired = _store.findExpired(rules, _nodeId, _clock.now(), kBatch);
        if (expired.empty()) return pruned;
        for (const std::string& run : expired) {
            try {
                _files.remove(run);
            } catch (const std::exception& error) {
                _logger.warning("files of run " + run + " are left behind: " + error.what());
            }
        }
        pruned.runs += _store.deleteRuns(expired);
        if (_clock.instant() >= until) {
            pruned.more = true;
            break;
        }
        Lock lock(_mutex);
        const Instant pause = _clock.instant() + kPause;
        while (!_stopping && _clock.instant() < pause) _changed.waitUntil(lock, pause);
    }
    return pruned;
}

void Retention::run() {
    while (true) {
        {
            Lock lock(_mutex);
            const Instant next = _clock.instant() + kEvery;
            while (!_stopping && _clock.instant() < next) _changed.waitUntil(lock, next);
            if (_stopping) return;
        }
        try {
            const Pruned pruned = prune(_rules, _clock.instant() + kEvery);
            if (pruned.runs > 0)
                _logger.information("retention: " + std::to_string(pruned.runs) + " old runs deleted");
        } catch (const std::exception& error) {
            _logger.warning("retention waits for the next time: " + std::string(error.what()));
        }
    }
}

} // namespace usher
