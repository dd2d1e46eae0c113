#include "storage/PostgresRunStore.h"

#include "base/Uuid.h"

#include <algorithm>
#include <unordered_map>

namespace usher {

namespace {

// The jobs that have queued runs, by leaps over the index: one probe a job, however long its queue is.
#define USHER_WAITING                                                                                        \
    "WITH RECURSIVE waiting(job_id) AS ("                                                                    \
    " (SELECT job_id FROM runs WHERE status = 'queued' ORDER BY job_id LIMIT 1) UNION ALL"                   \
    " SELECT (SELECT r.job_id FROM runs r WHERE r.status = 'queued' AND r.job_id > w.job_id ORDER BY "       \
    "r.job_id LIMIT 1)"                                                                                      \
    " FROM waiting w WHERE w.job_id IS NOT NULL) "
#define USHER_FREE                                                                                           \
    "j.max_concurrency - (SELECT count(*) FROM (SELECT 1 FROM runs x WHERE x.job_id = j.id AND x.status = "  \
    "'running' "                                                                                             \
    "LIMIT j.max_concurrency) y)"

constexpr char kLockJobs[] = USHER_WAITING
    "SELECT j.id::text FROM waiting w JOIN jobs j ON j.id = w.job_id JOIN job_claims c ON c.job_id = j.id "
    "CROSS JOIN LATERAL (SELECT r.priority FROM runs r WHERE r.job_id = w.job_id AND r.status = 'queued' "
    "ORDER BY r.queued_at, r.id LIMIT 1) head "
    "WHERE NOT j.paused AND " USHER_FREE
    " > 0 ORDER BY head.priority DESC, c.last_claim, j.id LIMIT $1::bigint "
    "FOR UPDATE OF c SKIP LOCKED";
constexpr char kAny[] =
    USHER_WAITING "SELECT 1 FROM waiting w JOIN jobs j ON j.id = w.job_id WHERE NOT j.paused AND " USHER_FREE
                  " > 0 LIMIT 1";
// Best first: priority, then the jobs in turn, then each job's queue in order.
constexpr char kTake[] =
    "WITH head AS (SELECT r.id, r.n, p.turn, r.priority FROM unnest($1::uuid[]) WITH ORDINALITY p(job_id, "
    "turn) "
    "JOIN jobs j ON j.id = p.job_id AND NOT j.paused CROSS JOIN LATERAL (SELECT q.id, q.priority, "
    "row_number() OVER (ORDER BY q.queued_at, q.id) AS n FROM (SELECT x.id, x.priority, x.queued_at FROM "
    "runs x "
    "WHERE x.job_id = p.job_id AND x.status = 'queued' ORDER BY x.queued_at, x.id "
    "LIMIT least($2::bigint, greatest(0, " USHER_FREE "))) q) r "
    "ORDER BY r.priority DESC, r.n, p.turn LIMIT $2::bigint) "
    "UPDATE runs SET status = 'running', node_id = $3::text, sandbox = $4::text, lease_epoch = lease_epoch + "
    "1, "
    "lease_expires_at = $5::bigint FROM head WHERE runs.id = head.id AND runs.status = 'queued' "
    "RETURNING runs.id::text, runs.job_id::text, head.priority, head.n, head.turn";
constexpr char kTurns[] = "UPDATE job_claims SET last_claim = nextval('usher_claim_order') "
                          "WHERE job_id = ANY ($1::uuid[])";
// A run that another program inserted may name a revision that nobody kept: the tests as they stand now.
constexpr char kKeepRevisions[] =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT DISTINCT ON (r.job_id, r.revision) r.job_id, "
    "r.revision, coalesce((SELECT json_agg(json_build_object('testId', t.id, 'title', t.title, 'type', "
    "t.type, "
    "'script', t.script, 'plain', t.plain_script) ORDER BY l.order_position, l.test_id) FROM job_tests l "
    "JOIN tests t ON t.id = l.test_id WHERE l.job_id = r.job_id), '[]'::json) FROM runs r "
    "WHERE r.id = ANY ($1::uuid[]) AND NOT EXISTS (SELECT 1 FROM job_revisions v WHERE v.job_id = r.job_id "
    "AND "
    "v.revision = r.revision) ORDER BY r.job_id, r.revision ON CONFLICT DO NOTHING";
constexpr char kPlanTests[] =
    "INSERT INTO run_tests (run_id, position, test_id, title, type, script) "
    "SELECT r.id, e.n - 1, (e.test ->> 'testId')::uuid, e.test ->> 'title', e.test ->> 'type', e.test ->> "
    "'script' "
    "FROM runs r JOIN job_revisions v ON v.job_id = r.job_id AND v.revision = r.revision "
    "CROSS JOIN LATERAL json_array_elements(v.tests) WITH ORDINALITY e(test, n) WHERE r.id = ANY "
    "($1::uuid[]) "
    "ON CONFLICT DO NOTHING";
constexpr char kClaimEvents[] =
    "INSERT INTO run_events (run_id, at, type, node_id, attempt) SELECT r.id, $2::bigint, "
    "'claimed', r.node_id, r.attempt FROM runs r WHERE r.id = ANY ($1::uuid[])";
#define USHER_CLAIMED                                                                                        \
    "SELECT r.id::text, r.job_id::text, j.name, r.attempt, r.lease_epoch, j.timeout_seconds, j.retries, "    \
    "j.parallelism, j.network, j.on_lost, r.parameters::text, r.cancel_requested_at, r.started_at, "         \
    "v.tests::text "                                                                                         \
    "FROM runs r JOIN jobs j ON j.id = r.job_id "                                                            \
    "LEFT JOIN job_revisions v ON v.job_id = r.job_id AND v.revision = r.revision "
constexpr char kClaimed[] = USHER_CLAIMED "WHERE r.id = ANY ($1::uuid[])";
constexpr char kHeld[] = USHER_CLAIMED "WHERE r.status = 'running' AND r.node_id = $1 ORDER BY r.id";

constexpr char kStarted[] =
    "WITH held AS (UPDATE runs SET started_at = coalesce(started_at, $1::bigint), sandbox = $2::text "
    "WHERE id = $3::uuid AND status = 'running' AND attempt = $4::int AND lease_epoch = $5::bigint "
    "RETURNING id, node_id, attempt) INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) "
    "SELECT id, $1::bigint, 'started', node_id, attempt, $2::text FROM held";
// FOR SHARE waits for whoever is moving the run on, and then sees that it is no longer ours.
constexpr char kTest[] =
    "WITH held AS (SELECT id FROM runs WHERE id = $1::uuid AND status = 'running' AND attempt = $2::int AND "
    "lease_epoch = $3::bigint FOR SHARE) UPDATE run_tests t SET status = $4, exit_code = $5::int, signal = "
    "$6::int, "
    "started_at = $7::bigint, completed_at = $8::bigint, duration_ms = $9::bigint, output_bytes = "
    "$10::bigint, "
    "truncated = $11::boolean, error_details = $12, cases = $13::json FROM held "
    "WHERE t.run_id = held.id AND t.position = $14::int";
constexpr char kLockRuns[] = "SELECT 1 FROM runs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE";
constexpr char kFinish[] =
    "UPDATE runs r SET status = u.status, sandbox = u.sandbox, started_at = coalesce(nullif(u.started, 0), "
    "r.started_at), completed_at = u.completed, duration_ms = u.duration, exit_code = u.code, signal = "
    "u.signal, "
    "error_details = u.details, lease_expires_at = NULL FROM unnest($1::uuid[], $2::int[], $3::bigint[], "
    "$4::text[], "
    "$5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::int[], $10::int[], $11::text[]) "
    "u(id, attempt, epoch, status, sandbox, started, completed, duration, code, signal, details) "
    "WHERE r.id = u.id AND r.status = 'running' AND r.attempt = u.attempt AND r.lease_epoch = u.epoch "
    "RETURNING r.id::text, r.attempt, r.lease_epoch";
constexpr char kFinishTests[] =
    "UPDATE run_tests t SET status = u.status, exit_code = u.code, signal = u.signal, started_at = "
    "u.started, "
    "completed_at = u.completed, duration_ms = u.duration, output_bytes = u.bytes, truncated = u.truncated, "
    "error_details = u.details, cases = u.cases FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], "
    "$5::int[], "
    "$6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::boolean[], $11::text[], $12::json[]) "
    "u(run, position, status, code, signal, started, completed, duration, bytes, truncated, details, cases) "
    "WHERE t.run_id = u.run AND t.position = u.position";
constexpr char kFinishEvents[] =
    "INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) SELECT id, "
    "completed_at, status, node_id, attempt, error_details FROM runs "
    "WHERE id = ANY ($1::uuid[])";
// After the commit, in id order: within the transaction it could wait for a deleteJob() that waits for our
// runs.
constexpr char kLastRuns[] = "UPDATE jobs j SET last_run_at = greatest(coalesce(j.last_run_at, 0), u.at) "
                             "FROM (SELECT l.id, max(coalesce("
                             "r.started_at, r.completed_at)) AS at FROM (SELECT id FROM jobs WHERE id IN "
                             "(SELECT job_id FROM runs WHERE id = ANY "
                             "($1::uuid[])) ORDER BY id FOR NO KEY UPDATE) l JOIN runs r ON r.job_id = l.id "
                             "AND r.id = ANY ($1::uuid[]) "
                             "GROUP BY l.id) u WHERE j.id = u.id";
constexpr char kState[] =
    "SELECT r.status, r.node_id, r.attempt, r.cancel_requested_at, j.on_lost, r.lease_epoch FROM runs r "
    "JOIN jobs j ON j.id = r.job_id WHERE r.id = $1::uuid FOR NO KEY UPDATE OF r";
constexpr char kRequeue[] =
    "UPDATE runs SET status = 'queued', attempt = attempt + 1, node_id = NULL, sandbox = NULL, started_at = "
    "NULL, "
    "lease_expires_at = NULL, exit_code = NULL, signal = NULL, error_details = NULL WHERE id = $1::uuid";
constexpr char kDropTests[] = "DELETE FROM run_tests WHERE run_id = $1::uuid";
constexpr char kEnd[] =
    "UPDATE runs SET status = $2, completed_at = $3::bigint, error_details = $4, lease_expires_at = NULL, "
    "duration_ms = ($3::bigint - started_at) / 1000 WHERE id = $1::uuid";
constexpr char kAskCancel[] = "UPDATE runs SET cancel_requested_at = $2::bigint WHERE id = $1::uuid";
constexpr char kEvent[] = "INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) "
                          "VALUES ($1::uuid, $2::bigint, $3, $4, $5::int, $6)";
constexpr char kCancelsAsked[] =
    "SELECT id::text FROM runs WHERE id = ANY ($1::uuid[]) AND status = 'running' "
    "AND cancel_requested_at IS NOT NULL";

constexpr char kBegin[] = "BEGIN";
constexpr char kCommit[] = "COMMIT";

ClaimedRun claimedAt(const PgResult& rows, int row) {
    ClaimedRun run;
    run.runId = rows.text(row, 0);
    run.jobId = rows.text(row, 1);
    run.jobName = rows.text(row, 2);
    run.attempt = static_cast<int>(rows.integer(row, 3));
    run.leaseEpoch = rows.integer(row, 4);
    run.timeoutSeconds = static_cast<int>(rows.integer(row, 5));
    run.retries = static_cast<int>(rows.integer(row, 6));
    run.parallelism = static_cast<int>(rows.integer(row, 7));
    run.network = rows.view(row, 8) == "full";
    run.onLost = onLostFrom(rows.view(row, 9)).value_or(OnLost::fail);
    run.parameters = environmentFromJson(rows.text(row, 10));
    run.cancelRequested = !rows.isNull(row, 11);
    run.startedAt = rows.maybeInteger(row, 12);
    run.tests = testsFromJson(rows.text(row, 13));
    return run;
}

PgCommand event(const std::string& runId, Micros at, std::string_view type, const std::string& nodeId,
                std::int64_t attempt, const std::string& detail) {
    return {kEvent,
            {sqlValue(runId), sqlValue(at), sqlValue(type), sqlValue(nodeId), sqlValue(attempt),
             sqlValue(detail)}};
}

/// A run's row, locked until the transaction ends.
struct State {
    RunStatus status;
    std::string node;
    std::int64_t attempt, epoch;
    bool cancelAsked, rerun;
};

std::optional<State> lockState(PgConnection& connection, const std::string& runId, Instant deadline) {
    const PgCommand commands[] = {{kBegin}, {kState, {sqlValue(runId)}}};
    const std::vector<PgResult> results = connection.run(commands, deadline);
    const PgResult& row = results[1];
    if (row.size() == 0) return std::nullopt;
    return State{runStatusFrom(row.view(0, 0)).value_or(RunStatus::lost),
                 row.text(0, 1),
                 row.integer(0, 2),
                 row.integer(0, 5),
                 !row.isNull(0, 3),
                 row.view(0, 4) == "rerun"};
}

struct Taken {
    std::string runId, jobId;
    std::int64_t priority, place, turn;
};

std::vector<Taken> take(PgConnection& connection, const ClaimRequest& request, Instant deadline) {
    const SqlValue most = sqlValue(std::int64_t{request.maxRuns});
    const PgCommand lock[] = {{kBegin}, {kLockJobs, {most}}};
    const std::vector<PgResult> locked = connection.run(lock, deadline);
    std::vector<Taken> taken;
    if (locked[1].size() == 0) return taken;
    PgArray jobs;
    for (int row = 0; row < locked[1].size(); ++row) jobs.add(locked[1].view(row, 0));
    const PgResult rows =
        connection.run(PgCommand{kTake,
                                 {jobs.take(), most, sqlValue(request.nodeId), sqlValue(request.sandbox),
                                  sqlValue(request.leaseExpiresAt)}},
                       deadline);
    for (int row = 0; row < rows.size(); ++row)
        taken.push_back({rows.text(row, 0), rows.text(row, 1), rows.integer(row, 2), rows.integer(row, 3),
                         rows.integer(row, 4)});
    std::sort(taken.begin(), taken.end(), [](const Taken& a, const Taken& b) {
        return std::tuple(-a.priority, a.place, a.turn) < std::tuple(-b.priority, b.place, b.turn);
    });
    return taken;
}

std::string nameOf(std::string_view runId, std::int64_t attempt, std::int64_t epoch) {
    return std::string(runId) + "/" + std::to_string(attempt) + "/" + std::to_string(epoch);
}

} // namespace

std::vector<ClaimedRun> PostgresRunStore::claim(const ClaimRequest& request) {
    std::vector<ClaimedRun> claimed;
    if (request.maxRuns <= 0) return claimed;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const std::vector<Taken> taken = take(connection, request, deadline);
        if (taken.empty()) {
            connection.run(PgCommand{"ROLLBACK"}, deadline);
            return;
        }
        PgArray ids, jobs;
        std::unordered_map<std::string_view, std::size_t> places;
        for (const Taken& one : taken) {
            places.emplace(one.runId, places.size());
            ids.add(one.runId);
            jobs.add(one.jobId);
        }
        const SqlValue runIds = ids.take();
        const PgCommand commands[] = {
            {kTurns, {jobs.take()}}, {kKeepRevisions, {runIds}},
            {kPlanTests, {runIds}},  {kClaimEvents, {runIds, sqlValue(request.now)}},
            {kClaimed, {runIds}},    {kCommit}};
        const std::vector<PgResult> results = connection.run(commands, deadline);
        claimed.resize(taken.size());
        for (int row = 0; row < results[4].size(); ++row)
            claimed.at(places.at(results[4].view(row, 0))) = claimedAt(results[4], row);
    });
    return claimed;
}

bool PostgresRunStore::anyClaimable() {
    bool any = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        any = connection.run(PgCommand{kAny}, deadline).size() > 0;
    });
    return any;
}

std::vector<ClaimedRun> PostgresRunStore::runsHeldBy(const std::string& nodeId) {
    std::vector<ClaimedRun> held;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kHeld, {sqlValue(nodeId)}}, deadline);
        for (int row = 0; row < rows.size(); ++row) held.push_back(claimedAt(rows, row));
    });
    return held;
}

bool PostgresRunStore::recordStarted(const ClaimedRun& run, const std::string& sandbox, Micros startedAt) {
    bool ours = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand command{kStarted,
                                {sqlValue(startedAt), sqlValue(sandbox), sqlValue(run.runId),
                                 sqlValue(std::int64_t{run.attempt}), sqlValue(run.leaseEpoch)}};
        ours = connection.run(command, deadline).affected() > 0;
    });
    return ours;
}

bool PostgresRunStore::recordTest(const ClaimedRun& run, const RunTest& test) {
    bool ours = false;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand command{
            kTest,
            {sqlValue(run.runId), sqlValue(std::int64_t{run.attempt}), sqlValue(run.leaseEpoch),
             sqlValue(toText(test.status)), sqlValue(test.exitCode), sqlValue(test.signal),
             sqlValue(test.startedAt), sqlValue(test.completedAt), sqlValue(test.durationMs),
             sqlValue(test.outputBytes), sqlValue(test.truncated), sqlValue(test.errorDetails),
             sqlValue(test.casesJson), sqlValue(std::int64_t{test.position})}};
        ours = connection.run(command, deadline).affected() > 0;
    });
    return ours;
}

std::vector<bool> PostgresRunStore::finish(std::span<const RunOutcome> outcomes) {
    std::vector<bool> ours(outcomes.size(), false);
    if (outcomes.empty()) return ours;
    PgArray ids, attempts, epochs, statuses, sandboxes, started, completed, durations, codes, signals,
        details, every;
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const RunOutcome& o = outcomes[i];
        every.add(o.runId);
        // The same outcome twice in a batch: the first counts.
        if (!places.emplace(nameOf(o.runId, o.attempt, o.leaseEpoch), i).second) continue;
        ids.add(o.runId);
        attempts.add(std::int64_t{o.attempt});
        epochs.add(o.leaseEpoch);
        statuses.addQuoted(toText(o.status));
        sandboxes.addQuoted(o.sandbox);
        started.add(o.startedAt);
        completed.add(o.completedAt);
        durations.addMaybe(o.startedAt ? std::optional((o.completedAt - o.startedAt) / 1000) : std::nullopt);
        codes.addMaybe(o.exitCode);
        signals.addMaybe(o.signal);
        details.addQuoted(o.errorDetails);
    }
    const PgCommand first[] = {
        {kBegin},
        {kLockRuns, {every.take()}},
        {kFinish,
         {ids.take(), attempts.take(), epochs.take(), statuses.take(), sandboxes.take(), started.take(),
          completed.take(), durations.take(), codes.take(), signals.take(), details.take()}}};

    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const std::vector<PgResult> results = connection.run(first, deadline);
        PgArray won, runs, positions, states, testCodes, testSignals, begins, ends, lengths, bytes, cut, why,
            cases;
        for (int row = 0; row < results[2].size(); ++row) {
            const std::size_t at = places.at(
                nameOf(results[2].view(row, 0), results[2].integer(row, 1), results[2].integer(row, 2)));
            ours[at] = true;
            won.add(outcomes[at].runId);
            for (const RunTest& test : outcomes[at].tests) {
                runs.add(outcomes[at].runId);
                positions.add(std::int64_t{test.position});
                states.addQuoted(toText(test.status));
                testCodes.addMaybe(test.exitCode);
                testSignals.addMaybe(test.signal);
                begins.addMaybe(test.startedAt);
                ends.addMaybe(test.completedAt);
                lengths.addMaybe(test.durationMs);
                bytes.add(test.outputBytes);
                cut.add(std::string_view(test.truncated ? "t" : "f"));
                why.addQuoted(test.errorDetails);
                cases.addQuoted(test.casesJson);
            }
        }
        const SqlValue wonIds = won.take();
        const PgCommand second[] = {{kFinishTests,
                                     {runs.take(), positions.take(), states.take(), testCodes.take(),
                                      testSignals.take(), begins.take(), ends.take(), lengths.take(),
                                      bytes.take(), cut.take(), why.take(), cases.take()}},
                                    {kFinishEvents, {wonIds}},
                                    {kCommit}};
        connection.run(second, deadline);
        try {
            connection.run(PgCommand{kLastRuns, {wonIds}}, deadline);
        } catch (const std::exception&) {
            // The runs have ended, and that is committed; when a job ran last is a nicety.
        }
    });
    return ours;
}

RunStatus PostgresRunStore::giveUp(const ClaimedRun& run, const std::string& why, Micros now) {
    RunStatus status = RunStatus::lost;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const auto state = lockState(connection, run.runId, deadline);
        if (state) status = state->status;
        if (!state || status != RunStatus::running || state->attempt != run.attempt ||
            state->epoch != run.leaseEpoch) {
            connection.run(PgCommand{"ROLLBACK"}, deadline);
            return;
        }
        const SqlValue id = sqlValue(run.runId);
        if (state->rerun && !state->cancelAsked) {
            const PgCommand commands[] = {{kRequeue, {id}},
                                          {kDropTests, {id}},
                                          event(run.runId, now, "requeued", state->node, run.attempt, why),
                                          {kCommit}};
            connection.run(commands, deadline);
            status = RunStatus::queued;
            return;
        }
        const RunStatus end = state->cancelAsked ? RunStatus::cancelled : RunStatus::lost;
        const PgCommand commands[] = {{kEnd, {id, sqlValue(toText(end)), sqlValue(now), sqlValue(why)}},
                                      event(run.runId, now, toText(end), state->node, run.attempt, why),
                                      {kCommit}};
        connection.run(commands, deadline);
        status = end;
    });
    return status;
}

RunStore::Cancel PostgresRunStore::requestCancel(const std::string& runId, const std::string& by,
                                                 Micros now) {
    Cancel cancel = Cancel::notFound;
    const auto uuid = parseUuid(runId);
    if (!uuid) return cancel;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const auto state = lockState(connection, *uuid, deadline);
        if (state)
            cancel = hasEnded(state->status)              ? Cancel::alreadyEnded
                     : state->status == RunStatus::queued ? Cancel::cancelled
                                                          : Cancel::requested;
        if (!state || cancel == Cancel::alreadyEnded || (state->cancelAsked && cancel == Cancel::requested)) {
            connection.run(PgCommand{"ROLLBACK"}, deadline);
            return;
        }
        const SqlValue id = sqlValue(*uuid);
        std::vector<PgCommand> commands;
        commands.push_back({kAskCancel, {id, sqlValue(now)}});
        commands.push_back(event(*uuid, now, "cancel-requested", state->node, state->attempt, by));
        if (cancel == Cancel::cancelled) {
            commands.push_back(
                {kEnd, {id, sqlValue(toText(RunStatus::cancelled)), sqlValue(now), std::string()}});
            commands.push_back(event(*uuid, now, "cancelled", state->node, state->attempt, by));
        }
        commands.push_back({kCommit});
        connection.run(commands, deadline);
    });
    return cancel;
}

std::vector<std::string> PostgresRunStore::cancelsRequested(std::span<const std::string> runIds) {
    std::vector<std::string> wanted;
    if (runIds.empty()) return wanted;
    PgArray ids;
    for (const std::string& id : runIds) ids.add(id);
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kCancelsAsked, {ids.take()}}, deadline);
        for (int row = 0; row < rows.size(); ++row) wanted.push_back(rows.text(row, 0));
    });
    return wanted;
}

} // namespace usher
