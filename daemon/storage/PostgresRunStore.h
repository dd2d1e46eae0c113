#pragma once

#include "storage/PgSessions.h"
#include "storage/SqlRunReads.h"

namespace usher {

/// Runs on PostgreSQL, for any number of nodes. [any-thread]
///
/// DESIGN. Whoever claims runs of a job holds that job's row in job_claims: so the count of its running runs,
/// taken under that lock by a statement of its own (a statement that waits for a lock sees an older
/// snapshot), is exact, and max_concurrency holds across nodes. Jobs that another node is claiming from are
/// skipped, not waited for. Locks go in the order job_claims, runs, and what hangs on a run; deleteJob()
/// keeps to it. Each guard (status, attempt, epoch) stands in the UPDATE itself or in a row lock that
/// precedes it.
class PostgresRunStore final : public RunStore {
public:
    /// `hot` for prepared statements, `cold` for Poco's.
    PostgresRunStore(PgSessions& hot, SqlSource& cold) : _sessions(hot), _reads(cold) {}

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
    std::vector<HeldRun> heldBy(const std::string& nodeId) override;
    std::vector<TakenRun> takeFrom(const std::string& nodeId, std::int64_t beats, const std::string& why,
                                   Micros now) override;
    Cancel requestCancel(const std::string& runId, const std::string& by, Micros now) override;
    std::vector<std::string> runsToEnd(std::span<const std::string> runIds) override;
    Page<Run> listRuns(const RunFilter& filter) override { return _reads.listRuns(filter); }
    std::optional<Run> findRun(const std::string& id) override { return _reads.findRun(id); }

private:
    PgSessions& _sessions;
    SqlRunReads _reads;
};

} // namespace usher
