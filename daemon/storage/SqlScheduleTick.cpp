// The half of SqlScheduleStore that runs a tick: the schedule moves on and the run appears, or neither.
#include "storage/SqlScheduleStore.h"

namespace usher {

namespace {

/// Undoes the transaction and says why.
struct Undone {
    TickResult::Kind kind;
};

const std::string kBusy =
    "(SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' LIMIT "
    "j.max_concurrency) q) + (SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status "
    "= 'running' LIMIT j.max_concurrency) q) >= j.max_concurrency";
const std::string kSqliteBusy = "(SELECT count(*) FROM runs r WHERE r.job_id = j.id AND r.status = 'queued') "
                                "+ (SELECT count(*) FROM runs "
                                "r WHERE r.job_id = j.id AND r.status = 'running') >= j.max_concurrency";

const std::string kKeepRevision =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT j.id, j.revision, coalesce((SELECT "
    "json_agg(json_build_object('testId', t.id, 'title', t.title, 'type', t.type, 'script', t.script, "
    "'plain', t.plain_script) ORDER BY l.order_position, l.test_id) FROM job_tests l JOIN tests t ON t.id = "
    "l.test_id WHERE l.job_id = j.id), '[]'::json) FROM jobs j WHERE j.id = $1 ON CONFLICT DO NOTHING";
const std::string kSqliteKeepRevision =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT j.id, j.revision, "
    "(SELECT json_group_array(json(o)) FROM (SELECT json_object('testId', t.id, 'title', t.title, 'type', "
    "t.type, 'script', t.script, 'plain', t.plain_script) AS o FROM job_tests l JOIN tests t ON t.id = "
    "l.test_id WHERE l.job_id = j.id ORDER BY l.order_position, l.test_id)) "
    "FROM jobs j WHERE j.id = $1 ON CONFLICT DO NOTHING";

} // namespace

TickResult SqlScheduleStore::commitTick(const ScheduleTick& tick) {
    TickResult result;
    try {
        _source.write([&](Poco::Data::Session& session) {
            result = {};
            if (!take(session, tick)) throw Undone{TickResult::Kind::taken};
            if (!tick.run) return;
            result = insert(session, *tick.run);
            std::string outcome = tick.outcome;
            if (result.kind == TickResult::Kind::busy) outcome = "JOB_BUSY";
            if (result.kind == TickResult::Kind::coalesced) outcome = "coalesced";
            sqlChange(session,
                      std::string("UPDATE schedules SET last_outcome = $1, last_run_id = ") +
                          (postgres() ? "CAST($2 AS uuid)" : "$2") + " WHERE id = $3",
                      {sqlValue(outcome), result.runId.empty() ? SqlValue() : sqlValue(result.runId),
                       sqlValue(tick.schedule.id)});
        });
    } catch (const Undone& undone) {
        result.kind = undone.kind;
    }
    return result;
}

TickResult SqlScheduleStore::insert(Poco::Data::Session& session, const NewRun& run) {
    // Who inserts runs of a job under another policy than queue waits for its lock, on every node. The
    // deletion of a job takes its lock before the schedule's: PostgreSQL may end one of the two, which is
    // tried again.
    const std::string lock = !postgres()                   ? ""
                             : run.onBusy == OnBusy::queue ? " FOR SHARE OF j"
                                                           : " FOR NO KEY UPDATE OF j";
    const SqlRows job = sqlSelect(
        session,
        "SELECT CASE WHEN " + (postgres() ? kBusy : kSqliteBusy) +
            " THEN '1' ELSE '0' END FROM jobs j WHERE j.id = $1 AND j.revision = CAST($2 AS bigint) "
            "AND NOT j.paused" +
            lock,
        1, {sqlValue(run.jobId), sqlValue(run.revision)});
    if (job.empty()) throw Undone{TickResult::Kind::revisionMoved};
    if (run.onBusy == OnBusy::refuse && job.flag(0, 0)) return {TickResult::Kind::busy, {}};
    if (run.onBusy == OnBusy::coalesce) {
        const SqlRows queued =
            sqlSelect(session,
                      "SELECT CAST(id AS varchar(36)) FROM runs WHERE job_id = $1 AND status = 'queued' AND "
                      "attempt = 1 "
                      "AND revision = CAST($2 AS bigint) AND CAST(parameters AS text) = $3 ORDER BY "
                      "queued_at, id LIMIT "
                      "1",
                      1, {sqlValue(run.jobId), sqlValue(run.revision), sqlValue(run.parametersJson)});
        if (!queued.empty()) return {TickResult::Kind::coalesced, queued.text(0, 0)};
    }
    sqlChange(session, postgres() ? kKeepRevision : kSqliteKeepRevision, {sqlValue(run.jobId)});
    sqlChange(session,
              "INSERT INTO runs (id, job_id, \"trigger\", triggered_by, principal_id, revision, parameters, "
              "priority, queued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
              {sqlValue(run.runId), sqlValue(run.jobId), sqlValue(run.trigger), sqlValue(run.triggeredBy),
               sqlValue(run.principalId), sqlValue(run.revision), sqlValue(run.parametersJson),
               sqlValue(std::int64_t{run.priority}), sqlValue(run.queuedAt)});
    return {TickResult::Kind::done, run.runId};
}

} // namespace usher
