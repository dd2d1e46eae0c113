#pragma once

#include "base/Clock.h"

#include <span>
#include <string>
#include <vector>

namespace usher {

/// How long ended runs are kept. Runs whose Idempotency-Key is still good are always spared.
struct RetentionRules {
    int keepDays = 0; ///< since they ended; 0: for ever
    int keepRuns = 0; ///< the newest of each job; 0: any number
};

/// Finds and deletes what is old. [any-thread] Every call may throw StorageUnavailable.
class RetentionStore {
public:
    virtual ~RetentionStore() = default;
    // Both find at most `atMost` runs, the oldest first, whose files lie on `nodeId` or on a node that has
    // not been heard of for a day.

    /// Those that ended more than so many days ago.
    virtual std::vector<std::string> findOlder(int keepDays, const std::string& nodeId, Micros now,
                                               int atMost) = 0;
    /// Those beyond the newest `keepRuns` of their job. Looks at some of the jobs behind `job` (empty: from
    /// the first one on) and moves it on to the last that it is through with, once what it gave is deleted;
    /// it comes back empty after the very last. So each call is short, however many runs there are.
    virtual std::vector<std::string> findBeyond(int keepRuns, const std::string& nodeId, Micros now,
                                                int atMost, std::string& job) = 0;
    /// With all that hangs on them, in one short transaction; of these, those that have ended. How many.
    virtual int deleteRuns(std::span<const std::string> runIds) = 0;
    /// Of these, the runs that were here and are no more. Ids from before this database began are another
    /// one's.
    virtual std::vector<std::string> deletedOf(std::span<const std::string> runIds) = 0;
};

} // namespace usher
