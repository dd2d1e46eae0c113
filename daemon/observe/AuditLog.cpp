#include "observe/AuditLog.h"

#include "base/Text.h"

namespace usher {

namespace {
constexpr std::size_t kMaxMerged = 10'000;
constexpr std::size_t kBatch = 200;
} // namespace

void AuditLog::start() {
    _thread = std::thread([this] { run(); });
}

void AuditLog::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _arrived.notifyAll();
    if (_thread.joinable()) _thread.join();
}

bool AuditLog::record(AuditRecord record) {
    if (record.at == 0) record.at = _clock.now();
    {
        Lock lock(_mutex);
        if (_waiting.size() >= kMaxWaiting) {
            ++_dropped;
            return false;
        }
        _waiting.push_back(std::move(record));
        if (_waiting.size() > 1) return true;
    }
    _arrived.notifyOne();
    return true;
}

void AuditLog::refused(AuditRecord refusal) {
    if (refusal.actor != "-") {
        record(std::move(refusal));
        return;
    }
    refusal.at = _clock.now();
    bool first = false;
    {
        Lock lock(_mutex);
        Key key{refusal.address, refusal.code, refusal.action};
        auto found = _merged.find(key);
        if (found == _merged.end()) {
            if (_merged.size() >= kMaxMerged) {
                ++_dropped;
                return;
            }
            // Kept for a minute before it is written, so that the count is right.
            _merged.emplace(std::move(key), Merged{std::move(refusal), 1, _clock.instant()});
            first = _merged.size() == 1;
        } else {
            ++found->second.count;
        }
    }
    if (first) _arrived.notifyOne();
}

void AuditLog::log(const AuditRecord& r) {
    std::string line = "audit actor=" + oneLine(r.actor, 128) + " action=" + oneLine(r.action, 64) +
                       " resource=" + oneLine(r.resource, 128) + " decision=" + oneLine(r.decision, 16) +
                       " code=" + oneLine(r.code.empty() ? "-" : r.code, 64) +
                       " from=" + oneLine(r.address, 64) + " request=" + oneLine(r.requestId, 64);
    if (!r.detail.empty()) line += " detail=\"" + oneLine(r.detail, 256) + "\"";
    _logger.information(line);
}

void AuditLog::run() {
    std::vector<AuditRecord> batch;
    Lock lock(_mutex);
    while (true) {
        Instant wake = _clock.instant() + std::chrono::seconds(1);
        while (batch.empty() && _waiting.empty() && _merged.empty() && !_stopping) _arrived.wait(lock);
        while (batch.empty() && _waiting.empty() && !_stopping && _clock.instant() < wake)
            _arrived.waitUntil(lock, wake);
        bool stopping = _stopping;
        while (!_waiting.empty() && batch.size() < kBatch) {
            batch.push_back(std::move(_waiting.front()));
            _waiting.pop_front();
        }
        for (auto it = _merged.begin(); it != _merged.end() && batch.size() < kBatch;) {
            if (!stopping && _clock.instant() - it->second.since < std::chrono::minutes(1)) {
                ++it;
                continue;
            }
            it->second.record.detail = "count=" + std::to_string(it->second.count);
            batch.push_back(std::move(it->second.record));
            it = _merged.erase(it);
        }
        bool done = stopping && _waiting.empty() && _merged.empty();
        lock.unlock();
        bool stored = true;
        if (!batch.empty()) {
            try {
                _store.appendAudit(batch);
            } catch (const std::exception& error) {
                stored = false;
                _logger.warning("audit records wait for the database: " + std::string(error.what()));
            }
        }
        if (stored || stopping) {
            for (const AuditRecord& record : batch) log(record);
            batch.clear();
        }
        lock.lock();
        if (done) return;
        if (!stored) {
            Instant until = _clock.instant() + std::chrono::seconds(1);
            while (!_stopping && _clock.instant() < until) _arrived.waitUntil(lock, until);
        }
    }
}

} // namespace usher
