#pragma once

#include "app/RunFeed.h"
#include "base/Mutex.h"
#include "domain/RunStore.h"

#include <functional>
#include <map>
#include <string>
#include <thread>

namespace usher {

/// Brings what happens on other nodes to this node's RunFeed: twice a second it looks at the runs that
/// somebody watches here and that are not led here. One look per run, however many watch it; at most 50 runs
/// a round, in turn. A failed look is tried again in the next round. start(), stop() [main].
class FarRuns {
public:
    FarRuns(RunFeed& feed, RunStore& runs, std::string nodeId)
        : _feed(feed), _runs(runs), _nodeId(std::move(nodeId)) {}
    ~FarRuns() { stop(); }

    void start();
    void stop();
    /// One round; the thread's own work, open to tests.
    void look();

private:
    void run();

    struct Seen {
        RunStatus status = RunStatus::queued;
        int attempt = 0;
    };
    RunFeed& _feed;
    RunStore& _runs;
    const std::string _nodeId;
    std::map<std::string, Seen> _seen;
    std::string _last; ///< the run that the last round ended with

    Mutex _mutex;
    Condition _changed;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
