// What PostgresRunStore does about nodes that are gone.
#include "storage/PostgresRunSql.h"
#include "storage/PostgresRunStore.h"

namespace usher {

namespace {

constexpr char kBegin[] = "BEGIN";
constexpr char kCommit[] = "COMMIT";
constexpr char kRollback[] = "ROLLBACK";
constexpr char kHeldBriefly[] =
    "SELECT id::text, attempt, lease_epoch FROM runs WHERE status = 'running' AND node_id = $1::text";
// The node's row stays locked to the end: its own beat waits, and then asks what it still holds.
constexpr char kStillSilent[] =
    "SELECT 1 FROM nodes WHERE id = $1::text AND beats = $2::bigint FOR NO KEY UPDATE";
constexpr char kTakeFrom[] =
    "WITH victim AS (SELECT r.id, r.attempt, r.lease_epoch, CASE WHEN r.cancel_requested_at IS NOT NULL "
    "THEN 'cancelled' WHEN j.on_lost = 'rerun' THEN 'queued' ELSE 'lost' END AS fate "
    "FROM runs r JOIN jobs j ON j.id = r.job_id WHERE r.status = 'running' AND r.node_id = $1::text "
    "ORDER BY r.id LIMIT 200 FOR NO KEY UPDATE OF r) "
    "UPDATE runs SET status = v.fate, lease_expires_at = NULL, "
    "attempt = runs.attempt + CASE WHEN v.fate = 'queued' THEN 1 ELSE 0 END, "
    "node_id = CASE WHEN v.fate = 'queued' THEN NULL ELSE runs.node_id END, "
    "sandbox = CASE WHEN v.fate = 'queued' THEN NULL ELSE runs.sandbox END, "
    "started_at = CASE WHEN v.fate = 'queued' THEN NULL ELSE runs.started_at END, "
    "completed_at = CASE WHEN v.fate = 'queued' THEN NULL ELSE $2::bigint END, "
    "duration_ms = CASE WHEN v.fate = 'queued' THEN NULL ELSE ($2::bigint - runs.started_at) / 1000 END, "
    "error_details = CASE WHEN v.fate = 'queued' THEN NULL ELSE $3::text END "
    "FROM victim v WHERE runs.id = v.id AND runs.status = 'running' AND runs.attempt = v.attempt "
    "AND runs.lease_epoch = v.lease_epoch RETURNING runs.id::text, v.attempt, v.fate";
constexpr char kDropTests[] =
    "DELETE FROM run_tests t USING runs r WHERE r.id = ANY ($1::uuid[]) AND r.status = 'queued' "
    "AND t.run_id = r.id";
constexpr char kEvents[] =
    "INSERT INTO run_events (run_id, at, type, node_id, attempt, detail) SELECT u.id, $3::bigint, "
    "CASE WHEN r.status = 'queued' THEN 'requeued' ELSE r.status END, $4::text, u.attempt, $5::text "
    "FROM unnest($1::uuid[], $2::int[]) u(id, attempt) JOIN runs r ON r.id = u.id";

} // namespace

std::vector<HeldRun> PostgresRunStore::heldBy(const std::string& nodeId) {
    std::vector<HeldRun> held;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kHeldBriefly, {sqlValue(nodeId)}}, deadline);
        for (int row = 0; row < rows.size(); ++row)
            held.push_back({rows.text(row, 0), static_cast<int>(rows.integer(row, 1)), rows.integer(row, 2)});
    });
    return held;
}

std::vector<TakenRun> PostgresRunStore::takeFrom(const std::string& nodeId, std::int64_t beats,
                                                 const std::string& why, Micros now) {
    std::vector<TakenRun> taken;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgCommand look[] = {{kBegin}, {kStillSilent, {sqlValue(nodeId), sqlValue(beats)}}};
        if (connection.run(look, deadline)[1].size() == 0) {
            connection.run(PgCommand{kRollback}, deadline);
            return;
        }
        const PgResult rows =
            connection.run(PgCommand{kTakeFrom, {sqlValue(nodeId), sqlValue(now), sqlValue(why)}}, deadline);
        PgArray ids, attempts;
        std::vector<TakenRun> found;
        for (int row = 0; row < rows.size(); ++row) {
            found.push_back({rows.text(row, 0), static_cast<int>(rows.integer(row, 1)),
                             runStatusFrom(rows.view(row, 2)).value_or(RunStatus::lost)});
            ids.add(rows.view(row, 0));
            attempts.add(rows.integer(row, 1));
        }
        const SqlValue runIds = ids.take();
        const PgCommand rest[] = {
            {kDropTests, {runIds}},
            {run_sql::kEndTests, {runIds}},
            {kEvents, {runIds, attempts.take(), sqlValue(now), sqlValue(nodeId), sqlValue(why)}},
            {kCommit}};
        connection.run(rest, deadline);
        taken = std::move(found);
    });
    return taken;
}

} // namespace usher
