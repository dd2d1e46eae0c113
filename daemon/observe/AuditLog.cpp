#include "observe/AuditLog.h"

#include "base/Text.h"

#include <algorithm>

namespace usher {

namespace {
constexpr std::size_t kMaxMerged = 10'000;
constexpr std::size_t kBatch = 200;
constexpr int kPruneBatch = 500;
constexpr std::chrono::hours kPruneEvery{1};
constexpr std::chrono::milliseconds kPruneSoon{100};
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
        auto& queue = record.decision == "allowed" ? _changes : _refusals;
        if (queue.size() >= kMaxWaiting) {
            ++_dropped;
            return false;
        }
        const bool first = idle();
        queue.push_back(std::move(record));
        ++_taken;
        if (!first) return true;
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

void AuditLog::settle(std::chrono::milliseconds limit) {
    const Instant until = _clock.instant() + limit;
    Lock lock(_mutex);
    const std::uint64_t mine = _taken;
    while (_finished < mine && !_stopping && _clock.instant() < until) _written.waitUntil(lock, until);
}

void AuditLog::await(Lock& lock, const Batch& batch, Instant prune) {
    // What the database did not take is still in the batch, and does not wait for company.
    if (!batch.empty()) return;
    while (idle() && _merged.empty() && !_stopping && _clock.instant() < prune)
        _arrived.waitUntil(lock, prune);
    const Instant wake = std::min(prune, _clock.instant() + std::chrono::seconds(1));
    while (idle() && !_stopping && _clock.instant() < wake) _arrived.waitUntil(lock, wake);
}

void AuditLog::fill(Batch& batch) {
    for (auto* queue : {&_changes, &_refusals})
        while (!queue->empty() && batch.size() < kBatch) {
            batch.push_back(std::move(queue->front()));
            queue->pop_front();
            ++_inBatch;
        }
    for (auto it = _merged.begin(); it != _merged.end() && batch.size() < kBatch;) {
        if (!_stopping && _clock.instant() - it->second.since < std::chrono::minutes(1)) {
            ++it;
            continue;
        }
        AuditRecord& record = it->second.record;
        record.detail = "count=" + std::to_string(it->second.count);
        batch.push_back(std::move(record));
        it = _merged.erase(it);
    }
}

bool AuditLog::store(const Batch& batch) {
    try {
        if (!batch.empty()) _store.appendAudit(batch);
        return true;
    } catch (const std::exception& error) {
        _logger.warning("audit records wait for the database: " + std::string(error.what()));
        return false;
    }
}

Instant AuditLog::prune() {
    const Instant now = _clock.instant();
    if (_keep == std::chrono::hours(0)) return now + kPruneEvery;
    const Micros keep = std::chrono::duration_cast<std::chrono::microseconds>(_keep).count();
    try {
        // A few at a time: the records of this moment do not wait for those of last year.
        return now + (_store.pruneAudit(_clock.now() - keep, kPruneBatch) ? kPruneSoon : kPruneEvery);
    } catch (const std::exception& error) {
        _logger.warning("old audit records are not deleted yet: " + std::string(error.what()));
        return now + std::chrono::minutes(1);
    }
}

void AuditLog::sayDropped() {
    const std::uint64_t dropped = _dropped;
    const Instant now = _clock.instant();
    if (dropped == _droppedSaid || now - _saidAt < std::chrono::seconds(10)) return;
    _logger.warning(std::to_string(dropped - _droppedSaid) + " audit records did not fit the queue");
    _droppedSaid = dropped;
    _saidAt = now;
}

void AuditLog::run() {
    Batch batch;
    Instant pruneAt = _clock.instant();
    Lock lock(_mutex);
    while (true) {
        await(lock, batch, pruneAt);
        const bool stopping = _stopping;
        fill(batch);
        const bool done = stopping && idle() && _merged.empty();
        lock.unlock();
        const bool stored = store(batch);
        if (stored || stopping) {
            for (const AuditRecord& record : batch) log(record);
            batch.clear();
        }
        if (!stopping && _clock.instant() >= pruneAt) pruneAt = prune();
        sayDropped();
        lock.lock();
        if (batch.empty()) {
            _finished += _inBatch;
            _inBatch = 0;
            _written.notifyAll();
        }
        if (done) return;
        if (!stored) {
            const Instant until = _clock.instant() + std::chrono::seconds(1);
            while (!_stopping && _clock.instant() < until) _arrived.waitUntil(lock, until);
        }
    }
}

} // namespace usher
