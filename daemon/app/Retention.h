#pragma once

#include "base/Mutex.h"
#include "domain/Executor.h"
#include "domain/RetentionStore.h"

#include <Poco/Logger.h>

#include <thread>

namespace usher {

/// Deletes runs that are older than the rules keep, with their output and artifacts: at the start, every ten
/// minutes and when asked, a few at a time with a pause between, so that nobody waits for it. Files go before
/// rows: what is cut off in between is finished the next time. Then the files of runs whose rows are gone:
/// with their job, or because another node deleted a run that had an attempt here. Every node cleans up after
/// itself. start(), stop() [main]; prune() [any-thread].
class Retention {
public:
    struct Pruned {
        int runs = 0;
        bool more = false; ///< the time was up first
    };

    Retention(RetentionRules rules, std::string nodeId, RetentionStore& store, RunFiles& files,
              const Clock& clock, Poco::Logger& logger);
    ~Retention() { stop(); }

    void start();
    void stop();
    const RetentionRules& rules() const { return _rules; }
    /// May throw StorageUnavailable.
    Pruned prune(const RetentionRules& rules, Instant until);

private:
    void run();
    bool stopping();
    void pause();
    Pruned deleteExpired(const RetentionRules& rules, Instant until);
    void discardDeleted(Instant until);
    /// With their files; how many. Pauses afterwards.
    int remove(const std::vector<std::string>& runs);

    const RetentionRules _rules;
    const std::string _nodeId;
    RetentionStore& _store;
    RunFiles& _files;
    const Clock& _clock;
    Poco::Logger& _logger;

    Mutex _mutex;
    Condition _changed;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
