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
    /// At most `atMost` runs that the rules let go and whose files lie on this node, or on one that has not
    /// been heard of for a day.
    virtual std::vector<std::string> findExpired(const RetentionRules&, const std::string& nodeId, Micros now,
                                                 int atMost) = 0;
    /// With all that hangs on them, in one short transaction; of these, those that have ended. How many.
    virtual int deleteRuns(std::span<const std::string> runIds) = 0;
    /// Of these, the runs that were here and are no more. Ids from before this database began are another
    /// one's.
    virtual std::vector<std::string> deletedOf(std::span<const std::string> runIds) = 0;
};

} // namespace usher
