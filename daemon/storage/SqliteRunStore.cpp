#include "storage/SqliteRunStore.h"

#include "base/Uuid.h"

#include <algorithm>

namespace usher {

namespace {

// The jobs that have queued runs, by leaps over the index: one probe a job, however long its queue is.
#define USHER_WAITING                                                                                        \
    "WITH RECURSIVE waiting(job_id) AS ("                                                                    \
    " SELECT (SELECT min(job_id) FROM runs WHERE status = 'queued') UNION ALL"                               \
    " SELECT (SELECT min(r.job_id) FROM runs r WHERE r.status = 'queued' AND r.job_id > w.job_id) FROM "     \
    "waiting w"                                                                                              \
    " WHERE w.job_id IS NOT NULL) "
// A retried run waits until its time has come.
#define USHER_NOW "(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))"
#define USHER_DUE "(r.first_queued_at IS NULL OR r.queued_at <= " USHER_NOW ")"
#define USHER_FREE                                                                                           \
    "j.max_concurrency - (SELECT count(*) FROM runs x WHERE x.job_id = j.id AND x.status = 'running')"

constexpr char kCandidates[] = USHER_WAITING
    "SELECT j.id, (SELECT r.priority FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' AND " USHER_DUE
    " ORDER BY r.queued_at, r.id LIMIT 1) AS head FROM waiting w CROSS JOIN jobs j ON j.id = w.job_id "
    "JOIN job_claims c ON c.job_id = j.id "
    "WHERE NOT j.paused AND head IS NOT NULL AND " USHER_FREE
    " > 0 ORDER BY head DESC, c.last_claim, j.id LIMIT ?";
constexpr char kAny[] = USHER_WAITING
    "SELECT 1 FROM waiting w CROSS JOIN jobs j ON j.id = w.job_id WHERE NOT j.paused AND EXISTS (SELECT 1 "
    "FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' AND " USHER_DUE ") AND " USHER_FREE
    " > 0 LIMIT 1";
constexpr char kDraining[] = "SELECT 1 FROM nodes WHERE id = ? AND draining";
constexpr char kHeads[] =
    "SELECT r.id, r.priority FROM runs r WHERE r.job_id = ?1 AND r.status = 'queued' AND " USHER_DUE
    " ORDER BY r.queued_at, r.id "
    "LIMIT max(0, min(?2, (SELECT " USHER_FREE " FROM jobs j WHERE j.id = ?1)))";
constexpr char kTake[] = "UPDATE runs SET status = 'running', node_id = ?, sandbox = ?, lease_epoch = "
                         "lease_epoch + 1, lease_expires_at = ? "
                         "WHERE id = ? AND status = 'queued'";
constexpr char kTurn[] = "UPDATE job_claims SET last_claim = (SELECT 1 + max(last_claim) FROM job_claims) "
                         "WHERE job_id = (SELECT job_id FROM runs WHERE id = ?)";
constexpr char kEvent[] =
    "INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) VALUES (?, ?, ?, ?, ?, ?)";
// A run that another program inserted may name a revision that nobody kept: the tests as they stand now.
constexpr char kKeepRevision[] =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT r.job_id, r.revision, "
    "(SELECT json_group_array(json(o)) FROM (SELECT json_object('testId', t.id, 'title', t.title, 'type', "
    "t.type, "
    "'script', t.script, 'plain', t.plain_script) AS o FROM job_tests l JOIN tests t ON t.id = l.test_id "
    "WHERE l.job_id = r.job_id ORDER BY l.order_position, l.test_id)) "
    "FROM runs r WHERE r.id = ? AND NOT EXISTS (SELECT 1 FROM job_revisions v WHERE v.job_id = r.job_id AND "
    "v.revision = r.revision)";
constexpr char kPlanTests[] =
    "INSERT INTO run_tests (run_id, position, test_id, title, type, script) "
    "SELECT r.id, e.key, e.value ->> 'testId', e.value ->> 'title', e.value ->> 'type', e.value ->> 'script' "
    "FROM runs r JOIN job_revisions v ON v.job_id = r.job_id AND v.revision = r.revision, json_each(v.tests) "
    "e "
    "WHERE r.id = ? ON CONFLICT DO NOTHING";
#define USHER_CLAIMED                                                                                        \
    "SELECT r.id, r.job_id, j.name, r.attempt, r.lease_epoch, j.timeout_seconds, j.retries, j.parallelism, " \
    "j.network, "                                                                                            \
    "j.on_lost, r.parameters, r.cancel_requested_at, r.started_at, v.tests, EXISTS (SELECT 1 FROM "          \
    "job_secrets s WHERE s.job_id = r.job_id) FROM runs r JOIN jobs j ON j.id "                              \
    "= r.job_id "                                                                                            \
    "LEFT JOIN job_revisions v ON v.job_id = r.job_id AND v.revision = r.revision "
constexpr char kClaimed[] = USHER_CLAIMED "WHERE r.id = ?";
constexpr char kHeld[] = USHER_CLAIMED "WHERE r.status = 'running' AND r.node_id = ? ORDER BY r.id";

constexpr char kStarted[] =
    "UPDATE runs SET started_at = coalesce(started_at, ?), sandbox = ? WHERE id = ? AND "
    "status = 'running' AND attempt = ? AND lease_epoch = ?";
constexpr char kHolds[] =
    "SELECT node_id FROM runs WHERE id = ? AND status = 'running' AND attempt = ? AND lease_epoch = ?";
constexpr char kTest[] =
    "UPDATE run_tests SET status = ?, exit_code = ?, signal = ?, started_at = ?, completed_at = ?, "
    "duration_ms = ?, "
    "output_bytes = ?, truncated = ?, error_details = ?, cases = ? WHERE run_id = ? AND position = ?";
constexpr char kFinish[] =
    "UPDATE runs SET status = ?, sandbox = ?, started_at = coalesce(nullif(?, 0), started_at), completed_at "
    "= ?, "
    "duration_ms = ?, exit_code = ?, signal = ?, error_details = ?, lease_expires_at = NULL WHERE id = ? AND "
    "status = 'running' AND attempt = ? AND lease_epoch = ?";
constexpr char kLastRun[] = "UPDATE jobs SET last_run_at = max(coalesce(last_run_at, 0), ?) WHERE id = ?";
constexpr char kState[] =
    "SELECT r.status, r.node_id, r.attempt, r.cancel_requested_at, j.on_lost, r.lease_epoch "
    "FROM runs r JOIN jobs j ON j.id = r.job_id WHERE r.id = ?";
constexpr char kRequeue[] =
    "UPDATE runs SET status = 'queued', attempt = attempt + 1, node_id = NULL, sandbox = NULL, started_at = "
    "NULL, "
    "lease_expires_at = NULL, exit_code = NULL, signal = NULL, error_details = NULL WHERE id = ?";
constexpr char kRetry[] =
    "UPDATE runs SET status = 'queued', attempt = attempt + 1, first_queued_at = coalesce(first_queued_at, "
    "queued_at), queued_at = " USHER_NOW " + ?, node_id = NULL, sandbox = NULL, started_at = NULL, "
    "lease_expires_at = NULL WHERE id = ? AND status = 'running' AND attempt = ? AND lease_epoch = ? AND "
    "cancel_requested_at IS NULL";
constexpr char kEnd[] =
    "UPDATE runs SET status = ?, completed_at = ?, error_details = ?, lease_expires_at = NULL, "
    "duration_ms = (? - started_at) / 1000 WHERE id = ?";
// What was under way ended with its run, the rest never began.
constexpr char kEndTests[] =
    "UPDATE run_tests SET status = CASE status WHEN 'pending' THEN 'skipped' ELSE ? END "
    "WHERE run_id = ? AND status IN ('pending', 'running')";
constexpr char kDropTests[] = "DELETE FROM run_tests WHERE run_id = ?";
constexpr char kAskCancel[] = "UPDATE runs SET cancel_requested_at = ? WHERE id = ?";
constexpr char kToEnd[] =
    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ? AND (status <> 'running' "
    "OR cancel_requested_at IS NULL))";

ClaimedRun claimedAt(SqliteStatement& row) {
    ClaimedRun run;
    run.runId = row.text(0);
    run.jobId = row.text(1);
    run.jobName = row.text(2);
    run.attempt = static_cast<int>(row.integer(3));
    run.leaseEpoch = row.integer(4);
    run.timeoutSeconds = static_cast<int>(row.integer(5));
    run.retries = static_cast<int>(row.integer(6));
    run.parallelism = static_cast<int>(row.integer(7));
    run.network = row.text(8) == "full";
    run.onLost = onLostFrom(row.text(9)).value_or(OnLost::fail);
    run.parameters = environmentFromJson(row.text(10));
    run.cancelRequested = !row.isNull(11);
    run.startedAt = row.maybeInteger(12);
    run.tests = testsFromJson(row.text(13));
    run.hasSecrets = row.integer(14) != 0;
    return run;
}

void addEvent(SqliteConnection& connection, const std::string& runId, Micros at, std::string_view type,
              std::string_view nodeId, std::int64_t attempt, std::string_view detail) {
    connection.statement(kEvent).with(runId, at, type, nodeId, attempt, detail).run();
}

bool writeTest(SqliteConnection& connection, const std::string& runId, const RunTest& test) {
    return connection.statement(kTest)
               .with(toText(test.status), test.exitCode, test.signal, test.startedAt, test.completedAt,
                     test.durationMs, test.outputBytes, test.truncated, test.errorDetails, test.casesJson,
                     runId, test.position)
               .run() > 0;
}

/// The node that holds the run, or nothing when it is not held by this attempt and epoch.
std::optional<std::string> holder(SqliteConnection& connection, const std::string& runId, int attempt,
                                  std::int64_t epoch) {
    SqliteStatement statement = connection.statement(kHolds);
    if (!statement.with(runId, attempt, epoch).step()) return std::nullopt;
    return statement.text(0);
}

struct Head {
    std::string runId;
    std::int64_t priority;
    int place; ///< in its job's queue
    int turn;  ///< of its job
};

/// The runs to start, best first: priority, then the jobs in turn, then each job's queue in order.
std::vector<Head> chooseHeads(SqliteConnection& connection, int maxRuns) {
    std::vector<std::string> jobs;
    {
        SqliteStatement candidates = connection.statement(kCandidates);
        candidates.with(maxRuns);
        while (candidates.step()) jobs.push_back(candidates.text(0));
    }
    std::vector<Head> heads;
    for (std::size_t turn = 0; turn < jobs.size(); ++turn) {
        SqliteStatement rows = connection.statement(kHeads);
        rows.with(jobs[turn], maxRuns);
        for (int place = 0; rows.step(); ++place)
            heads.push_back({rows.text(0), rows.integer(1), place, static_cast<int>(turn)});
    }
    std::stable_sort(heads.begin(), heads.end(), [](const Head& a, const Head& b) {
        return std::tuple(-a.priority, a.place, a.turn) < std::tuple(-b.priority, b.place, b.turn);
    });
    if (heads.size() > static_cast<std::size_t>(maxRuns)) heads.resize(static_cast<std::size_t>(maxRuns));
    return heads;
}

} // namespace

std::vector<ClaimedRun> SqliteRunStore::claim(const ClaimRequest& request) {
    std::vector<ClaimedRun> claimed;
    if (request.maxRuns <= 0 || !anyClaimable()) return claimed; // an idle daemon does not write every second
    _source.write(storageDeadline(), [&](SqliteConnection& connection) {
        if (connection.statement(kDraining).with(request.nodeId).step()) return;
        for (const Head& head : chooseHeads(connection, request.maxRuns)) {
            const bool taken = connection.statement(kTake)
                                   .with(request.nodeId, request.sandbox, request.leaseExpiresAt, head.runId)
                                   .run() > 0;
            if (!taken) continue;
            connection.statement(kTurn).with(head.runId).run();
            connection.statement(kKeepRevision).with(head.runId).run();
            connection.statement(kPlanTests).with(head.runId).run();
            SqliteStatement row = connection.statement(kClaimed);
            if (!row.with(head.runId).step()) continue;
            claimed.push_back(claimedAt(row));
            addEvent(connection, head.runId, request.now, "claimed", request.nodeId, claimed.back().attempt,
                     "");
        }
    });
    return claimed;
}

bool SqliteRunStore::anyClaimable() {
    bool any = false;
    _source.read(storageDeadline(),
                 [&](SqliteConnection& connection) { any = connection.statement(kAny).step(); });
    return any;
}

std::vector<ClaimedRun> SqliteRunStore::runsHeldBy(const std::string& nodeId) {
    std::vector<ClaimedRun> held;
    _source.read(storageDeadline(), [&](SqliteConnection& connection) {
        SqliteStatement rows = connection.statement(kHeld);
        rows.with(nodeId);
        while (rows.step()) held.push_back(claimedAt(rows));
    });
    return held;
}

bool SqliteRunStore::recordStarted(const ClaimedRun& run, const std::string& sandbox, Micros startedAt) {
    bool ours = false;
    _source.writeLazily(storageDeadline(), [&](SqliteConnection& connection) {
        const auto node = holder(connection, run.runId, run.attempt, run.leaseEpoch);
        ours = node.has_value();
        if (!ours) return;
        connection.statement(kStarted).with(startedAt, sandbox, run.runId, run.attempt, run.leaseEpoch).run();
        addEvent(connection, run.runId, startedAt, "started", *node, run.attempt, sandbox);
    });
    return ours;
}

bool SqliteRunStore::recordTest(const ClaimedRun& run, const RunTest& test) {
    bool ours = false;
    _source.writeLazily(storageDeadline(), [&](SqliteConnection& connection) {
        ours = holder(connection, run.runId, run.attempt, run.leaseEpoch) &&
               writeTest(connection, run.runId, test);
    });
    return ours;
}

std::vector<bool> SqliteRunStore::finish(std::span<const RunOutcome> outcomes) {
    std::vector<bool> ours(outcomes.size(), false);
    if (outcomes.empty()) return ours;
    _source.write(storageDeadline(), [&](SqliteConnection& connection) {
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const RunOutcome& o = outcomes[i];
            const auto node = holder(connection, o.runId, o.attempt, o.leaseEpoch);
            if (!node) continue;
            std::optional<std::int64_t> durationMs;
            if (o.startedAt) durationMs = (o.completedAt - o.startedAt) / 1000;
            connection.statement(kFinish)
                .with(toText(o.status), o.sandbox, o.startedAt, o.completedAt, durationMs, o.exitCode,
                      o.signal, o.errorDetails, o.runId, o.attempt, o.leaseEpoch)
                .run();
            for (const RunTest& test : o.tests) writeTest(connection, o.runId, test);
            if (o.startUntold)
                addEvent(connection, o.runId, o.startedAt, "started", *node, o.attempt, o.sandbox);
            addEvent(connection, o.runId, o.completedAt, toText(o.status), *node, o.attempt, o.errorDetails);
            ours[i] = true;
        }
    });
    return ours;
}

std::vector<std::string> SqliteRunStore::noteLastRuns(const std::map<std::string, Micros>& lastRuns) {
    _source.writeLazily(storageDeadline(), [&](SqliteConnection& connection) {
        for (const auto& [job, at] : lastRuns) connection.statement(kLastRun).with(at, job).run();
    });
    return {}; // there is one writer at a time
}

bool SqliteRunStore::retry(const RunOutcome& outcome, std::chrono::milliseconds delay) {
    bool ours = false;
    _source.write(storageDeadline(), [&](SqliteConnection& connection) {
        const auto node = holder(connection, outcome.runId, outcome.attempt, outcome.leaseEpoch);
        ours = node &&
               connection.statement(kRetry)
                       .with(Micros{delay.count()} * 1000, outcome.runId, outcome.attempt, outcome.leaseEpoch)
                       .run() > 0;
        if (!ours) return;
        connection.statement(kDropTests).with(outcome.runId).run();
        const std::string end = describeEnd(outcome), again = describeRetry(outcome, delay);
        addEvent(connection, outcome.runId, outcome.completedAt, toText(outcome.status), *node,
                 outcome.attempt, end);
        addEvent(connection, outcome.runId, SystemClock().now(), "requeued", *node, outcome.attempt, again);
    });
    return ours;
}

RunStatus SqliteRunStore::giveUp(const ClaimedRun& run, const std::string& why, Micros now) {
    RunStatus status = RunStatus::lost;
    _source.write(storageDeadline(), [&](SqliteConnection& connection) {
        std::string node;
        bool cancel = false, rerun = false;
        {
            SqliteStatement row = connection.statement(kState);
            if (!row.with(run.runId).step()) return;
            status = runStatusFrom(row.text(0)).value_or(RunStatus::lost);
            if (status != RunStatus::running || row.integer(2) != run.attempt ||
                row.integer(5) != run.leaseEpoch)
                return;
            node = row.text(1);
            cancel = !row.isNull(3);
            rerun = row.text(4) == "rerun";
        }
        if (rerun && !cancel) {
            connection.statement(kRequeue).with(run.runId).run();
            connection.statement(kDropTests).with(run.runId).run();
            status = RunStatus::queued;
            addEvent(connection, run.runId, now, "requeued", node, run.attempt, why);
            return;
        }
        status = cancel ? RunStatus::cancelled : RunStatus::lost;
        connection.statement(kEnd).with(toText(status), now, why, now, run.runId).run();
        connection.statement(kEndTests)
            .with(toText(cancel ? TestStatus::cancelled : TestStatus::error), run.runId)
            .run();
        addEvent(connection, run.runId, now, toText(status), node, run.attempt, why);
    });
    return status;
}

RunStore::Cancel SqliteRunStore::requestCancel(const std::string& runId, const std::string& by, Micros now) {
    Cancel cancel = Cancel::notFound;
    const auto id = parseUuid(runId);
    if (!id) return cancel;
    _source.write(storageDeadline(), [&](SqliteConnection& connection) {
        std::string node;
        std::int64_t attempt = 1;
        bool asked = false;
        RunStatus status = RunStatus::queued;
        {
            SqliteStatement row = connection.statement(kState);
            if (!row.with(*id).step()) return;
            status = runStatusFrom(row.text(0)).value_or(RunStatus::lost);
            node = row.text(1);
            attempt = row.integer(2);
            asked = !row.isNull(3);
        }
        cancel = hasEnded(status)              ? Cancel::alreadyEnded
                 : status == RunStatus::queued ? Cancel::cancelled
                                               : Cancel::requested;
        if (cancel == Cancel::alreadyEnded || (asked && cancel == Cancel::requested)) return;
        connection.statement(kAskCancel).with(now, *id).run();
        addEvent(connection, *id, now, "cancel-requested", node, attempt, by);
        if (cancel == Cancel::requested) return;
        connection.statement(kEnd).with("cancelled", now, "", now, *id).run();
        addEvent(connection, *id, now, "cancelled", node, attempt, by);
    });
    return cancel;
}

std::vector<std::string> SqliteRunStore::runsToEnd(std::span<const std::string> runIds) {
    std::vector<std::string> toEnd;
    if (runIds.empty()) return toEnd;
    _source.read(storageDeadline(), [&](SqliteConnection& connection) {
        for (const std::string& id : runIds)
            if (connection.statement(kToEnd).with(id).step()) toEnd.push_back(id);
    });
    return toEnd;
}

} // namespace usher
