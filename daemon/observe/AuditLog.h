#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"
#include "domain/NodeStore.h"

#include <Poco/Logger.h>

#include <atomic>
#include <deque>
#include <map>
#include <thread>
#include <tuple>

namespace usher {

/// Who did what: rows in audit_log and one log line each, written by a thread of its own so that nobody
/// waits. The queue is bounded; what does not fit is counted and said. Refusals of unknown credentials are
/// merged: one record per address, code and minute, with a count. [any-thread]
class AuditLog {
public:
    static constexpr std::size_t kMaxWaiting = 10'000;

    AuditLog(NodeStore& store, const Clock& clock, Poco::Logger& logger)
        : _store(store), _clock(clock), _logger(logger) {}
    ~AuditLog() { stop(); }

    void start();
    /// Writes what waits (for at most a second or so), joins the thread. [main]
    void stop();
    /// False: the queue is full. `at` of 0 becomes now.
    bool record(AuditRecord record);
    /// A refusal by the plugins.
    void refused(AuditRecord record);
    std::uint64_t dropped() const { return _dropped; }

private:
    struct Merged {
        AuditRecord record;
        int count = 0;
        Instant since;
    };
    using Key = std::tuple<std::string, std::string, std::string>; ///< address, code, action

    void run();
    void log(const AuditRecord& record);

    NodeStore& _store;
    const Clock& _clock;
    Poco::Logger& _logger;
    std::atomic<std::uint64_t> _dropped{0};
    Mutex _mutex;
    Condition _arrived;
    std::deque<AuditRecord> _waiting GUARDED_BY(_mutex);
    std::map<Key, Merged> _merged GUARDED_BY(_mutex);
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
