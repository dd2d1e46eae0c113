#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"
#include "domain/NodeStore.h"

#include <Poco/Logger.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <thread>
#include <tuple>
#include <vector>

namespace usher {

/// Who did what: rows in audit_log and one log line each, written by a thread of its own so that nobody
/// waits. Changes and refusals have a bounded queue each, and changes are written first: a flood of refusals
/// costs no record of a change. What does not fit is counted and said. Refusals of unknown credentials are
/// merged: one record per address, code and minute, with a count. Records older than `keep` are deleted, a
/// few at a time. [any-thread]
class AuditLog {
public:
    static constexpr std::size_t kMaxWaiting = 10'000; ///< of each of the two

    /// `keep` of 0: for ever.
    AuditLog(NodeStore& store, const Clock& clock, Poco::Logger& logger, std::chrono::hours keep = {})
        : _store(store), _clock(clock), _logger(logger), _keep(keep) {}
    ~AuditLog() { stop(); }

    void start();
    /// Writes what waits (for at most a second or so), joins the thread. [main]
    void stop();
    /// False: the queue is full. `at` of 0 becomes now; a decision other than allowed is a refusal.
    bool record(AuditRecord record);
    /// A refusal by the plugins, or by what stands before them.
    void refused(AuditRecord record);
    /// Waits until what was recorded before this call is in the database (merged ones excepted), or `limit`
    /// is over: so that who reads the log finds what he just did. Blocks.
    void settle(std::chrono::milliseconds limit);
    std::uint64_t dropped() const { return _dropped; }

private:
    struct Merged {
        AuditRecord record;
        int count = 0;
        Instant since;
    };
    using Key = std::tuple<std::string, std::string, std::string>; ///< address, code, action

    using Batch = std::vector<AuditRecord>;

    void run();
    bool idle() REQUIRES(_mutex) { return _changes.empty() && _refusals.empty(); }
    /// Sleeps until there is something to do, at the latest until `prune`.
    void await(Lock& lock, const Batch& batch, Instant prune) REQUIRES(_mutex);
    void fill(Batch& batch) REQUIRES(_mutex);
    bool store(const Batch& batch);
    /// When to look again.
    Instant prune();
    void sayDropped();
    void log(const AuditRecord& record);

    NodeStore& _store;
    const Clock& _clock;
    Poco::Logger& _logger;
    const std::chrono::hours _keep;
    std::atomic<std::uint64_t> _dropped{0};
    std::uint64_t _droppedSaid = 0; ///< the thread's own, like the next
    Instant _saidAt{};
    Mutex _mutex;
    Condition _arrived, _written;
    std::deque<AuditRecord> _changes GUARDED_BY(_mutex), _refusals GUARDED_BY(_mutex);
    std::uint64_t _taken GUARDED_BY(_mutex) = 0;    ///< into the queues, since the start
    std::uint64_t _finished GUARDED_BY(_mutex) = 0; ///< of those: written, or given up at the end
    std::uint64_t _inBatch GUARDED_BY(_mutex) = 0;  ///< of those: being written
    std::map<Key, Merged> _merged GUARDED_BY(_mutex);
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
