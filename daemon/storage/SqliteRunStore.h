#pragma once

#include "storage/SqlRunReads.h"
#include "storage/SqliteSource.h"

namespace usher {

/// Runs on SQLite. Every transition is one transaction of prepared statements in the writers' turn, so that
/// nothing can come between a guard and what it guards. [any-thread]
class SqliteRunStore final : public RunStore {
public:
    explicit SqliteRunStore(SqliteSource& source) : _source(source), _reads(source) {}

    std::vector<ClaimedRun> claim(const ClaimRequest&) override;
    bool anyClaimable() override;
    std::vector<ClaimedRun> runsHeldBy(const std::string& nodeId) override;
    bool recordStarted(const ClaimedRun&, const std::string& sandbox, Micros startedAt) override;
    bool recordTest(const ClaimedRun&, const RunTest&) override;
    std::vector<bool> finish(std::span<const RunOutcome>) override;
    std::vector<std::string> noteLastRuns(const std::map<std::string, Micros>&) override;
    bool retry(const RunOutcome&, std::chrono::milliseconds delay) override;
    /// Gives the status as it is when the run is no longer ours, and `cancelled` when somebody had asked for
    /// that.
    RunStatus giveUp(const ClaimedRun&, const std::string& why, Micros now) override;
    Cancel requestCancel(const std::string& runId, const std::string& by, Micros now) override;
    std::vector<std::string> runsToEnd(std::span<const std::string> runIds) override;
    Page<Run> listRuns(const RunFilter& filter) override { return _reads.listRuns(filter); }
    std::optional<Run> findRun(const std::string& id) override { return _reads.findRun(id); }

private:
    SqliteSource& _source;
    SqlRunReads _reads;
};

} // namespace usher
