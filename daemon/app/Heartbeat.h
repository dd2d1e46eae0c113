#pragma once

#include "app/NodeWatch.h"
#include "app/RunScheduler.h"
#include "base/Mutex.h"
#include "domain/NodeStore.h"
#include "domain/RunStore.h"

#include <Poco/Logger.h>

#include <functional>
#include <thread>

namespace usher {

/// DESIGN. This node's life among the others, on a thread of its own: a plugin or a disk that hangs must not
/// make a healthy node look lost. Every 5 s it beats; every second it looks at all nodes.
///
/// Fencing. A beat that began at T and was committed lets our leaders go on until T + lease; they end their
/// runs 5 s before that. Others take our runs when the beat counter has not moved for as long by their own
/// clock, and they cannot have seen it move before T. After a beat we ask which runs are still ours, and
/// renew only those: what was taken meanwhile ends by its lease.
///
/// start(), handOver(), stop() [main]; nothing else is shared.
class Heartbeat {
public:
    struct Settings {
        Node self;           ///< as it is registered
        bool leases = false; ///< several nodes may share the database (PostgreSQL)
        std::chrono::seconds every{5};
        std::chrono::seconds lease{20};
        std::chrono::seconds restartLease{120};
    };
    /// Told of each look; [heartbeat].
    using OnNodes = std::function<void(const std::vector<Node>&)>;

    Heartbeat(Settings settings, NodeStore& nodes, RunStore& runs, RunScheduler& scheduler,
              const Clock& clock, Poco::Logger& logger, OnNodes onNodes = {});
    ~Heartbeat() { stop(); }

    /// Registers the node, which is its first beat; throws StorageUnavailable.
    void start();
    /// Before a planned end: one more beat, with a lease that outlasts a restart. Our leaders get it too.
    /// False, with a line in the log, when the database did not take it: then the usual lease holds.
    bool handOver();
    void stop();

    /// One beat, and one look; the thread's own work, open to tests. Throw StorageUnavailable.
    void beat(std::chrono::seconds lease);
    void look();

private:
    void run();

    const Settings _settings;
    NodeStore& _nodes;
    RunStore& _runs;
    RunScheduler& _scheduler;
    const Clock& _clock;
    Poco::Logger& _logger;
    const OnNodes _onNodes;
    NodeWatch _watch;
    /// Over a planned restart others wait longer; leaders that we do not find again keep that lease, so the
    /// row must say so until it is over.
    BootMillis _longUntil = 0;
    bool _away = false;

    Mutex _mutex;
    Condition _changed;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
