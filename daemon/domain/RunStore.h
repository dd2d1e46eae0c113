#pragma once

#include "base/Clock.h"
#include "domain/JobStore.h"
#include "domain/Run.h"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace usher {

/// A test as it stood when the run was triggered, with all that is needed to start it.
struct TestToRun {
    int position = 0;
    std::string testId;
    std::string title;
    std::string type;
    std::string script;
    bool plainScript = true;
};

/// A run that this node holds.
struct ClaimedRun {
    std::string runId;
    std::string jobId;
    std::string jobName;
    int attempt = 1;
    std::int64_t leaseEpoch = 0;
    int timeoutSeconds = 3600;
    int retries = 0;
    int parallelism = 1;
    bool network = false;
    OnLost onLost = OnLost::fail;
    Environment parameters;
    std::vector<TestToRun> tests;
    bool cancelRequested = false;
    std::optional<Micros> startedAt;
    bool hasSecrets = false; ///< the job's; the stores never read them
    Environment secrets;     ///< filled by the executor; never written to a file
    /// When its leader must have ended it, unless renewed; 0: there is no lease (SQLite).
    BootMillis leaseUntil = 0;
};

/// Which attempt of a run a node holds.
struct HeldRun {
    std::string runId;
    int attempt = 1;
    std::int64_t leaseEpoch = 0;
};

/// A run whose node was lost, and what became of it.
struct TakenRun {
    std::string runId;
    int attempt = 1; ///< the one that was lost
    RunStatus status = RunStatus::lost;
};

struct ClaimRequest {
    std::string nodeId;
    std::string sandbox; ///< recorded on the run; the executor may correct it
    Micros now = 0;
    Micros leaseExpiresAt = 0;
    int maxRuns = 1;
};

/// How a run ended.
struct RunOutcome {
    std::string runId;
    int attempt = 1;
    std::int64_t leaseEpoch = 0;
    RunStatus status = RunStatus::error;
    std::string sandbox;
    Micros startedAt = 0;
    Micros completedAt = 0;
    std::optional<int> exitCode; ///< of the test that decided the verdict
    std::optional<int> signal;
    std::string errorDetails;
    std::vector<RunTest> tests;
    /// recordStarted() was left out, because the end came so soon: finish() puts the start into the timeline.
    bool startUntold = false;
};

struct RunFilter {
    std::optional<std::string> jobId;
    std::optional<RunStatus> status;
    std::optional<std::string> principalId;
    PageRequest page;
};

/// Runs. [any-thread] Every call may throw StorageUnavailable. Each transition is guarded by status, attempt
/// and epoch: a late writer changes nothing and is told so by `false`.
class RunStore {
public:
    enum class Cancel { cancelled, requested, alreadyEnded, notFound };

    virtual ~RunStore() = default;

    /// queued → running, at most `maxRuns`, larger priority first, then fair between jobs and in order within
    /// one, never more than a job's max_concurrency, never from a paused job, nothing while the node's row
    /// says draining. Cost does not grow with the queue.
    virtual std::vector<ClaimedRun> claim(const ClaimRequest&) = 0;
    /// Any queued run that could be claimed now? Cheap.
    virtual bool anyClaimable() = 0;
    /// Runs that the database says this node is running: what a restarted daemon must find again.
    virtual std::vector<ClaimedRun> runsHeldBy(const std::string& nodeId) = 0;
    /// The first test's process is there. False: the run is no longer ours.
    virtual bool recordStarted(const ClaimedRun&, const std::string& sandbox, Micros startedAt) = 0;
    /// One test began or ended, for who looks while the run goes on.
    virtual bool recordTest(const ClaimedRun&, const RunTest&) = 0;
    /// running → its end, with all results, in one transaction for the whole batch. False per row: not ours
    /// any more.
    virtual std::vector<bool> finish(std::span<const RunOutcome>) = 0;
    /// When these jobs ran last, by job id; never moves back. Apart from finish(), because a job's row would
    /// be written for each of its runs. Does not wait for a job that somebody else holds: gives the ids of
    /// those, to be noted later.
    virtual std::vector<std::string> noteLastRuns(const std::map<std::string, Micros>&) = 0;
    /// running → queued with attempt + 1, not to be claimed before `delay` is over by the database's clock;
    /// for an attempt that failed and may be tried again. Its results are dropped, its end stays in the
    /// timeline. False: not ours any more, or somebody wants it cancelled, and nothing was changed.
    virtual bool retry(const RunOutcome&, std::chrono::milliseconds delay) = 0;
    /// running → queued with attempt + 1, or → lost, by the job's policy. The lost attempt's results are
    /// dropped.
    virtual RunStatus giveUp(const ClaimedRun&, const std::string& why, Micros now) = 0;

    // Leases are for several nodes on one database; on SQLite there is one node, and nothing to hold or take.

    /// What the database says this node is running, without what is needed to start it. Asked after each
    /// beat: only these runs' leases are renewed.
    virtual std::vector<HeldRun> heldBy(const std::string& /*nodeId*/) { return {}; }
    /// The node has not beaten since its counter stood at `beats`: each of its running runs goes back to the
    /// queue with attempt + 1, or ends as lost, by its job's policy; cancelled when somebody had asked for
    /// that. Nothing when it has beaten meanwhile. At most some hundred a call: until nothing comes.
    virtual std::vector<TakenRun> takeFrom(const std::string& /*nodeId*/, std::int64_t /*beats*/,
                                           const std::string& /*why*/, Micros /*now*/) {
        return {};
    }

    virtual Cancel requestCancel(const std::string& runId, const std::string& by, Micros now) = 0;
    /// Of these running runs, those to be ended: somebody wants them cancelled, or they are gone with their
    /// job.
    virtual std::vector<std::string> runsToEnd(std::span<const std::string> runIds) = 0;

    virtual Page<Run> listRuns(const RunFilter&) = 0; ///< newest first
    virtual std::optional<Run> findRun(const std::string& id) = 0;
};

} // namespace usher
