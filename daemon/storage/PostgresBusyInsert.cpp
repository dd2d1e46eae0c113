// The half of PostgresTriggerStore for jobs that refuse or coalesce what comes while they are busy.
#include "domain/Errors.h"
#include "storage/PostgresTriggerStore.h"

#include <map>

namespace usher {

namespace {

constexpr Micros kKeyLife = 24ll * 3600 * 1'000'000;

// FOR NO KEY UPDATE: whoever inserts runs of this job under the same policy waits here, on every node.
constexpr char kLockJob[] =
    "SELECT revision, name, (SELECT count(*) FROM job_tests l WHERE l.job_id = jobs.id) FROM jobs "
    "WHERE id = $1::uuid AND NOT paused FOR NO KEY UPDATE";
constexpr char kKeepRevision[] =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT j.id, j.revision, coalesce((SELECT "
    "json_agg(json_build_object('testId', t.id, 'title', t.title, 'type', t.type, 'script', t.script, "
    "'plain', t.plain_script) ORDER BY l.order_position, l.test_id) FROM job_tests l JOIN tests t ON t.id = "
    "l.test_id WHERE l.job_id = j.id), '[]'::json) FROM jobs j WHERE j.id = $1::uuid ON CONFLICT DO NOTHING";
// A run that waits for its second attempt is not joined: it may wait for long.
constexpr char kInsertUnlessBusy[] =
    "INSERT INTO runs (id, job_id, trigger, triggered_by, principal_id, revision, parameters, priority, "
    "queued_at) SELECT $1::uuid, j.id, $3, $4, $5, j.revision, $7::text::json, $8::int, $9::bigint "
    "FROM jobs j WHERE j.id = $2::uuid AND j.revision = $6::bigint AND NOT j.paused AND CASE j.on_busy "
    "WHEN 'refuse' THEN "
    "(SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' LIMIT "
    "j.max_concurrency) q) + (SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status "
    "= 'running' LIMIT j.max_concurrency) q) < j.max_concurrency "
    "WHEN 'coalesce' THEN NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' AND "
    "r.attempt = 1 AND r.revision = j.revision AND r.parameters::text = $7::text) ELSE true END";
constexpr char kQueuedAlready[] =
    "SELECT id::text, queued_at, triggered_by FROM runs WHERE job_id = $1::uuid AND status = 'queued' AND "
    "attempt = 1 AND revision = $2::bigint AND parameters::text = $3::text ORDER BY queued_at, id LIMIT 1";
constexpr char kIsBusy[] =
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' LIMIT "
    "j.max_concurrency) q) + (SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status "
    "= 'running' LIMIT j.max_concurrency) q) >= j.max_concurrency FROM jobs j WHERE j.id = $1::uuid";
constexpr char kTakeKey[] =
    "INSERT INTO idempotency (job_id, principal_id, key, digest, run_id, expires_at) VALUES ($1::uuid, $2, "
    "$3, $4, $5::uuid, $6::bigint) ON CONFLICT (job_id, principal_id, key) DO UPDATE SET digest = "
    "excluded.digest, run_id = excluded.run_id, expires_at = excluded.expires_at WHERE "
    "idempotency.expires_at <= $7::bigint";

/// One job under its lock: what was found out about it holds until the commit, so that a flood of equal
/// triggers costs one look.
class LockedJob {
public:
    using Kind = Inserted::Kind;

    LockedJob(PgConnection& connection, const std::string& jobId, Instant deadline)
        : _connection(connection), _jobId(jobId), _deadline(deadline) {
        const PgCommand begin[] = {{"BEGIN"}, {kLockJob, {sqlValue(jobId)}}};
        const PgResult row = std::move(connection.run(begin, deadline)[1]);
        if (row.size() == 0) return;
        _revision = row.integer(0, 0);
        _name = row.text(0, 1);
        _testCount = static_cast<int>(row.integer(0, 2));
    }

    bool isAt(std::int64_t revision) const { return _revision && *_revision == revision; }

    Inserted insert(const NewRun& run) {
        if (run.onBusy == OnBusy::refuse && _busy) return {Kind::busy, {}};
        if (auto known = _queued.find(run.parametersJson); known != _queued.end())
            return {Kind::coalesced, known->second};
        for (int look = 0; look < 3; ++look) {
            if (!run.queueFull && tryInsert(run)) {
                if (run.onBusy == OnBusy::coalesce)
                    _queued[run.parametersJson] = replay(run.runId, run.queuedAt, run.triggeredBy);
                return {Kind::inserted, {}};
            }
            if (run.onBusy == OnBusy::coalesce) {
                if (auto queued = findQueued(run))
                    return {Kind::coalesced, _queued[run.parametersJson] = *queued};
            } else {
                const PgResult row = _connection.run(PgCommand{kIsBusy, {sqlValue(_jobId)}}, _deadline);
                _busy = row.size() > 0 && row.flag(0, 0);
                if (_busy) return {Kind::busy, {}};
            }
            // It became free between the two statements: a claim takes no lock on the job.
            if (run.queueFull) return {Kind::full, {}};
        }
        return {Kind::revisionMoved, {}};
    }

    void takeKey(const NewRun& run, const std::string& runId) {
        const IdempotencyKey& key = *run.idempotency;
        _connection.run(PgCommand{kTakeKey,
                                  {sqlValue(key.jobId), sqlValue(key.principalId), sqlValue(key.key),
                                   sqlValue(key.digest), sqlValue(runId), sqlValue(run.queuedAt + kKeyLife),
                                   sqlValue(run.queuedAt)}},
                        _deadline);
    }

    void end(bool keepRevision) {
        const PgCommand commands[] = {{kKeepRevision, {sqlValue(_jobId)}}, {"COMMIT"}};
        keepRevision ? void(_connection.run(commands, _deadline))
                     : void(_connection.run(PgCommand{"COMMIT"}, _deadline));
    }

private:
    bool tryInsert(const NewRun& run) {
        return _connection
                   .run(PgCommand{kInsertUnlessBusy,
                                  {sqlValue(run.runId), sqlValue(run.jobId), sqlValue(run.trigger),
                                   sqlValue(run.triggeredBy), sqlValue(run.principalId),
                                   sqlValue(run.revision), sqlValue(run.parametersJson),
                                   sqlValue(std::int64_t{run.priority}), sqlValue(run.queuedAt)}},
                        _deadline)
                   .affected() > 0;
    }

    std::optional<Replay> findQueued(const NewRun& run) {
        const PgResult row = _connection.run(
            PgCommand{kQueuedAlready,
                      {sqlValue(_jobId), sqlValue(run.revision), sqlValue(run.parametersJson)}},
            _deadline);
        if (row.size() == 0) return std::nullopt;
        return replay(row.text(0, 0), row.integer(0, 1), row.text(0, 2));
    }

    Replay replay(const std::string& runId, Micros queuedAt, const std::string& by) const {
        return {runId, "", queuedAt, RunStatus::queued, by, _name, _testCount};
    }

    PgConnection& _connection;
    const std::string& _jobId;
    const Instant _deadline;
    std::optional<std::int64_t> _revision; ///< nothing: gone or paused
    std::string _name;
    int _testCount = 0;
    bool _busy = false;
    std::map<std::string, Replay> _queued; ///< by parameters
};

} // namespace

std::vector<Inserted> PostgresTriggerStore::insertUnlessBusy(PgConnection& connection, const Rows& rows,
                                                             Instant deadline) {
    std::vector<Inserted> outcome(rows.size());
    LockedJob job(connection, rows.front()->jobId, deadline);
    bool any = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const NewRun& run = *rows[i];
        outcome[i].kind = Inserted::Kind::revisionMoved;
        if (!job.isAt(run.revision)) continue;
        if (run.idempotency) {
            const auto held = replaysOf(connection, {&*run.idempotency, 1}, run.queuedAt, deadline).front();
            if (held) {
                outcome[i] = {Inserted::Kind::replay, *held};
                continue;
            }
        }
        outcome[i] = job.insert(run);
        const bool inserted = outcome[i].kind == Inserted::Kind::inserted;
        any = any || inserted;
        if (run.idempotency && (inserted || outcome[i].kind == Inserted::Kind::coalesced))
            job.takeKey(run, inserted ? run.runId : outcome[i].replay.runId);
    }
    job.end(any);
    return outcome;
}

std::vector<Inserted> PostgresTriggerStore::insertUnlessBusyPatiently(PgConnection& connection,
                                                                      const Rows& rows, Instant deadline) {
    auto tryOnce = [&](const Rows& some) -> std::optional<std::vector<Inserted>> {
        try {
            return insertUnlessBusy(connection, some, deadline);
        } catch (const PgError&) {
            if (connection.inTransaction()) connection.script("ROLLBACK", deadline);
            return std::nullopt;
        }
    };
    for (int attempt = 1; attempt <= 3; ++attempt)
        if (auto outcome = tryOnce(rows)) return *outcome;
    std::vector<Inserted> outcome;
    for (const NewRun* row : rows) {
        auto one = tryOnce({row});
        outcome.push_back(one ? one->front() : Inserted{Inserted::Kind::revisionMoved, {}});
    }
    return outcome;
}

} // namespace usher
