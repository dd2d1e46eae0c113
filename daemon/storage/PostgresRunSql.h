#pragma once

/// The statements of PostgresRunStore, apart from it because they are half of it. Each is prepared once per
/// connection, under its address.
namespace usher::run_sql {

// The jobs that have queued runs, by leaps over the index: one probe a job, however long its queue is.
#define USHER_WAITING                                                                                        \
    "WITH RECURSIVE waiting(job_id) AS ("                                                                    \
    " (SELECT job_id FROM runs WHERE status = 'queued' ORDER BY job_id LIMIT 1) UNION ALL"                   \
    " SELECT (SELECT r.job_id FROM runs r WHERE r.status = 'queued' AND r.job_id > w.job_id ORDER BY "       \
    "r.job_id LIMIT 1)"                                                                                      \
    " FROM waiting w WHERE w.job_id IS NOT NULL) "
// A retried run waits until its time has come.
#define USHER_DUE(r) "(" r ".first_queued_at IS NULL OR " r ".queued_at <= usher_now())"
#define USHER_FREE                                                                                           \
    "j.max_concurrency - (SELECT count(*) FROM (SELECT 1 FROM runs x WHERE x.job_id = j.id AND x.status = "  \
    "'running' "                                                                                             \
    "LIMIT j.max_concurrency) y)"

// Claiming is several statements that tell each other by settings of their transaction which jobs are locked
// and which runs are taken: so all of them are one round trip. After nothing taken, nothing is found to do.
#define USHER_LOCKED_JOBS "nullif(current_setting('usher.locked_jobs', true), '')::uuid[]"
#define USHER_TAKEN_RUNS "nullif(current_setting('usher.taken_runs', true), '')::uuid[]"

inline constexpr char kLockJobs[] =
    "WITH locked AS MATERIALIZED (" USHER_WAITING
    "SELECT j.id FROM waiting w JOIN jobs j ON j.id = w.job_id JOIN job_claims c ON c.job_id = j.id "
    "CROSS JOIN LATERAL (SELECT r.priority FROM runs r WHERE r.job_id = w.job_id AND r.status = 'queued' "
    "AND " USHER_DUE("r") " ORDER BY r.queued_at, r.id LIMIT 1) head "
                          "WHERE NOT j.paused AND " USHER_FREE
                          " > 0 AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = $2::text AND n.draining) "
                          "ORDER BY head.priority DESC, c.last_claim, j.id LIMIT $1::bigint "
                          "FOR UPDATE OF c SKIP LOCKED) "
                          "SELECT set_config('usher.locked_jobs', array_agg(id)::text, true) FROM locked";
inline constexpr char kAny[] =
    USHER_WAITING "SELECT 1 FROM waiting w JOIN jobs j ON j.id = w.job_id WHERE NOT j.paused AND EXISTS "
                  "(SELECT 1 FROM runs r WHERE r.job_id = w.job_id AND r.status = 'queued' AND " USHER_DUE(
                      "r") ") AND " USHER_FREE " > 0 LIMIT 1";
// Best first: priority, then the jobs in turn, then each job's queue in order.
inline constexpr char kTake[] =
    "WITH head AS (SELECT r.id, r.n, p.turn, r.priority "
    "FROM unnest(" USHER_LOCKED_JOBS ") WITH ORDINALITY p(job_id, turn) "
    "JOIN jobs j ON j.id = p.job_id AND NOT j.paused CROSS JOIN LATERAL (SELECT q.id, q.priority, "
    "row_number() OVER (ORDER BY q.queued_at, q.id) AS n FROM (SELECT x.id, x.priority, x.queued_at "
    "FROM runs x WHERE x.job_id = p.job_id AND x.status = 'queued' AND " USHER_DUE(
        "x") " "
             "ORDER BY x.queued_at, x.id LIMIT least($1::bigint, greatest(0, " USHER_FREE "))) q) r "
             "ORDER BY r.priority DESC, r.n, p.turn LIMIT $1::bigint), "
             "taken AS (UPDATE runs SET status = 'running', node_id = $2::text, sandbox = $3::text, "
             "lease_epoch = lease_epoch + 1, lease_expires_at = $4::bigint "
             "FROM head WHERE runs.id = head.id AND runs.status = 'queued' "
             "RETURNING runs.id, head.priority, head.n, head.turn) "
             "SELECT set_config('usher.taken_runs', array_agg(id ORDER BY priority DESC, n, turn)::text, "
             "true) "
             "FROM taken";
// A run that another program inserted may name a revision that nobody kept: the tests as they stand now.
inline constexpr char kKeepRevisions[] =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT DISTINCT ON (r.job_id, r.revision) r.job_id, "
    "r.revision, coalesce((SELECT json_agg(json_build_object('testId', t.id, 'title', t.title, 'type', "
    "t.type, "
    "'script', t.script, 'plain', t.plain_script) ORDER BY l.order_position, l.test_id) FROM job_tests l "
    "JOIN tests t ON t.id = l.test_id WHERE l.job_id = r.job_id), '[]'::json) FROM runs r "
    "WHERE r.id = ANY (" USHER_TAKEN_RUNS ") AND NOT EXISTS (SELECT 1 FROM job_revisions v "
    "WHERE v.job_id = r.job_id AND v.revision = r.revision) ORDER BY r.job_id, r.revision ON CONFLICT DO "
    "NOTHING";
inline constexpr char kPlanTests[] =
    "INSERT INTO run_tests (run_id, position, test_id, title, type, script) "
    "SELECT r.id, e.n - 1, (e.test ->> 'testId')::uuid, e.test ->> 'title', e.test ->> 'type', e.test ->> "
    "'script' "
    "FROM runs r JOIN job_revisions v ON v.job_id = r.job_id AND v.revision = r.revision "
    "CROSS JOIN LATERAL json_array_elements(v.tests) WITH ORDINALITY e(test, n) "
    "WHERE r.id = ANY (" USHER_TAKEN_RUNS ") ON CONFLICT DO NOTHING";
#define USHER_CLAIMED                                                                                        \
    "SELECT r.id::text, r.job_id::text, j.name, r.attempt, r.lease_epoch, j.timeout_seconds, j.retries, "    \
    "j.parallelism, j.network, j.on_lost, r.parameters::text, r.cancel_requested_at, r.started_at, "         \
    "v.tests::text, EXISTS (SELECT 1 FROM job_secrets s WHERE s.job_id = r.job_id) "                         \
    "FROM runs r JOIN jobs j ON j.id = r.job_id "                                                            \
    "LEFT JOIN job_revisions v ON v.job_id = r.job_id AND v.revision = r.revision "
// And the jobs' turn is over, and the timeline says who claimed.
inline constexpr char kClaimed[] =
    "WITH taken AS MATERIALIZED (SELECT t.id, t.n, q.job_id, q.node_id, q.attempt "
    "FROM unnest(" USHER_TAKEN_RUNS ") WITH ORDINALITY t(id, n) JOIN runs q ON q.id = t.id), "
    "turns AS (UPDATE job_claims SET last_claim = nextval('usher_claim_order') "
    "WHERE job_id IN (SELECT job_id FROM taken)), "
    "told AS (INSERT INTO run_events (run_id, at, type, node_id, attempt) "
    "SELECT id, $1::bigint, 'claimed', node_id, attempt FROM taken) " USHER_CLAIMED
    "JOIN taken t ON t.id = r.id ORDER BY t.n";
inline constexpr char kHeld[] = USHER_CLAIMED "WHERE r.status = 'running' AND r.node_id = $1 ORDER BY r.id";

inline constexpr char kStarted[] =
    "WITH held AS (UPDATE runs SET started_at = coalesce(started_at, $1::bigint), sandbox = $2::text "
    "WHERE id = $3::uuid AND status = 'running' AND attempt = $4::int AND lease_epoch = $5::bigint "
    "RETURNING id, node_id, attempt) INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) "
    "SELECT id, $1::bigint, 'started', node_id, attempt, $2::text FROM held";
// Together with another, one implicit transaction: what a run shows while it goes on is not worth an fsync,
// finish() writes it again.
inline constexpr char kNoFsync[] = "SELECT set_config('synchronous_commit', 'off', true)";
// FOR SHARE waits for whoever is moving the run on, and then sees that it is no longer ours.
inline constexpr char kTest[] =
    "WITH held AS (SELECT id FROM runs WHERE id = $1::uuid AND status = 'running' AND attempt = $2::int AND "
    "lease_epoch = $3::bigint FOR SHARE) UPDATE run_tests t SET status = $4, exit_code = $5::int, signal = "
    "$6::int, "
    "started_at = $7::bigint, completed_at = $8::bigint, duration_ms = $9::bigint, output_bytes = "
    "$10::bigint, "
    "truncated = $11::boolean, error_details = $12, cases = $13::json FROM held "
    "WHERE t.run_id = held.id AND t.position = $14::int";
inline constexpr char kLockRuns[] =
    "SELECT 1 FROM runs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE";
// All of it in one statement: what it costs is mostly its beginning. The ends are $1 to $12, their tests $13
// to $26, told by run, attempt and epoch to whom they belong. A start that was not told yet comes before its
// end.
inline constexpr char kFinish[] =
    "WITH ended AS (UPDATE runs r SET status = u.status, sandbox = u.sandbox, started_at = "
    "coalesce(nullif(u.started, 0), r.started_at), completed_at = u.completed, duration_ms = u.duration, "
    "exit_code = u.code, signal = u.signal, error_details = u.details, lease_expires_at = NULL "
    "FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], "
    "$8::bigint[], $9::int[], $10::int[], $11::text[], $12::boolean[]) "
    "u(id, attempt, epoch, status, sandbox, started, completed, duration, code, signal, details, untold) "
    "WHERE r.id = u.id AND r.status = 'running' AND r.attempt = u.attempt AND r.lease_epoch = u.epoch "
    "RETURNING r.*, u.untold), "
    "tests AS (UPDATE run_tests t SET status = v.status, exit_code = v.code, signal = v.signal, "
    "started_at = v.started, completed_at = v.completed, duration_ms = v.duration, output_bytes = v.bytes, "
    "truncated = v.truncated, error_details = v.details, cases = v.cases "
    "FROM unnest($13::uuid[], $14::int[], $15::bigint[], $16::int[], $17::text[], $18::int[], $19::int[], "
    "$20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::boolean[], $25::text[], $26::json[]) "
    "v(run, attempt, epoch, position, status, code, signal, started, completed, duration, bytes, truncated, "
    "details, cases) JOIN ended e ON e.id = v.run AND e.attempt = v.attempt AND e.lease_epoch = v.epoch "
    "WHERE t.run_id = v.run AND t.position = v.position), "
    "told AS (INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) "
    "SELECT e.id, x.at, x.type, e.node_id, e.attempt, x.detail FROM ended e CROSS JOIN LATERAL "
    "(SELECT 1 AS n, e.started_at AS at, 'started' AS type, e.sandbox AS detail WHERE e.untold "
    "UNION ALL SELECT 2, e.completed_at, e.status, e.error_details) x ORDER BY x.n) "
    "SELECT id::text, attempt, lease_epoch FROM ended";
// In id order, as deleteJob() and the revision triggers lock jobs. Gives the jobs that somebody else holds.
inline constexpr char kLastRuns[] =
    "WITH free AS (SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP "
    "LOCKED), "
    "noted AS (UPDATE jobs j SET last_run_at = greatest(coalesce(j.last_run_at, 0), v.at) FROM free f "
    "JOIN unnest($1::uuid[], $2::bigint[]) v(id, at) ON v.id = f.id WHERE j.id = f.id) "
    "SELECT id::text FROM jobs WHERE id = ANY ($1::uuid[]) AND id NOT IN (SELECT id FROM free)";
inline constexpr char kState[] =
    "SELECT r.status, r.node_id, r.attempt, r.cancel_requested_at, j.on_lost, r.lease_epoch FROM runs r "
    "JOIN jobs j ON j.id = r.job_id WHERE r.id = $1::uuid FOR NO KEY UPDATE OF r";
inline constexpr char kRequeue[] =
    "UPDATE runs SET status = 'queued', attempt = attempt + 1, node_id = NULL, sandbox = NULL, started_at = "
    "NULL, "
    "lease_expires_at = NULL, exit_code = NULL, signal = NULL, error_details = NULL WHERE id = $1::uuid";
inline constexpr char kRetry[] =
    "WITH held AS (SELECT id, node_id, lease_epoch FROM runs WHERE id = $1::uuid AND status = 'running' AND "
    "attempt = $2::int AND lease_epoch = $3::bigint AND cancel_requested_at IS NULL FOR NO KEY UPDATE), "
    "told AS (INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) SELECT h.id, e.at, e.type, "
    "h.node_id, $2::int, e.detail FROM held h CROSS JOIN (VALUES (1, $4::bigint, $5, $6), (2, usher_now(), "
    "'requeued', $7)) e(n, at, type, detail) ORDER BY e.n), "
    "dropped AS (DELETE FROM run_tests t USING held WHERE t.run_id = held.id) "
    "UPDATE runs SET status = 'queued', attempt = attempt + 1, first_queued_at = coalesce(first_queued_at, "
    "queued_at), queued_at = usher_now() + $8::bigint, node_id = NULL, sandbox = NULL, started_at = NULL, "
    "lease_expires_at = NULL FROM held WHERE runs.id = held.id RETURNING runs.id";
inline constexpr char kDropTests[] = "DELETE FROM run_tests WHERE run_id = $1::uuid";
// Of runs that ended without their leaders' word: what was under way ended with them, the rest never began.
inline constexpr char kEndTests[] =
    "UPDATE run_tests t SET status = CASE WHEN t.status = 'pending' THEN 'skipped' WHEN r.status = "
    "'cancelled' THEN 'cancelled' ELSE 'error' END FROM runs r WHERE r.id = ANY ($1::uuid[]) AND "
    "r.status IN ('lost', 'cancelled') AND t.run_id = r.id AND t.status IN ('pending', 'running')";
inline constexpr char kEnd[] =
    "UPDATE runs SET status = $2, completed_at = $3::bigint, error_details = $4, lease_expires_at = NULL, "
    "duration_ms = ($3::bigint - started_at) / 1000 WHERE id = $1::uuid";
inline constexpr char kAskCancel[] = "UPDATE runs SET cancel_requested_at = $2::bigint WHERE id = $1::uuid";
inline constexpr char kEvent[] = "INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) "
                                 "VALUES ($1::uuid, $2::bigint, $3, $4, $5::int, $6)";
inline constexpr char kToEnd[] =
    "SELECT u.id::text FROM unnest($1::uuid[]) u(id) WHERE NOT EXISTS (SELECT 1 FROM runs r "
    "WHERE r.id = u.id AND (r.status <> 'running' OR r.cancel_requested_at IS NULL))";

inline constexpr char kBegin[] = "BEGIN";
inline constexpr char kCommit[] = "COMMIT";

#undef USHER_WAITING
#undef USHER_FREE
#undef USHER_DUE
#undef USHER_CLAIMED
#undef USHER_LOCKED_JOBS
#undef USHER_TAKEN_RUNS

} // namespace usher::run_sql
