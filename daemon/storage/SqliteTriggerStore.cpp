#include "storage/SqliteTriggerStore.h"

#include "domain/Errors.h"

#include <unordered_map>

namespace usher {

namespace {

constexpr Micros kKeyLife = 24ll * 3600 * 1'000'000;

constexpr char kView[] = "SELECT j.name, j.paused, j.revision, (SELECT count(*) FROM job_tests l WHERE "
                         "l.job_id = j.id), j.queue_limit, "
                         "j.priority, j.on_busy, j.parameters FROM jobs j WHERE j.id = ?";
constexpr char kReplay[] =
    "SELECT i.run_id, i.digest, coalesce(r.first_queued_at, r.queued_at), r.status, r.triggered_by, j.name, "
    "coalesce((SELECT json_array_length(v.tests) FROM job_revisions v WHERE v.job_id = r.job_id AND "
    "v.revision = r.revision), (SELECT count(*) FROM job_tests l WHERE l.job_id = j.id)) "
    "FROM idempotency i JOIN runs r ON r.id = i.run_id JOIN jobs j ON j.id = i.job_id "
    "WHERE i.job_id = ? AND i.principal_id = ? AND i.key = ? AND i.expires_at > ?";
constexpr char kInsert[] = "INSERT INTO runs (id, job_id, \"trigger\", triggered_by, principal_id, revision, "
                           "parameters, priority, queued_at) "
                           "SELECT ?1, id, ?2, ?3, ?4, revision, ?5, ?6, ?7 FROM jobs WHERE id = ?8 AND "
                           "revision = ?9 AND NOT paused";
// The job's other policies. A run that waits for its second attempt is not joined: it may wait for long.
constexpr char kInsertUnlessBusy[] =
    "INSERT INTO runs (id, job_id, \"trigger\", triggered_by, principal_id, revision, parameters, priority, "
    "queued_at) SELECT ?1, j.id, ?2, ?3, ?4, j.revision, ?5, ?6, ?7 FROM jobs j WHERE j.id = ?8 AND "
    "j.revision = ?9 AND NOT j.paused AND CASE j.on_busy "
    "WHEN 'refuse' THEN (SELECT count(*) FROM runs r WHERE r.job_id = j.id AND r.status = 'queued') + "
    "(SELECT count(*) FROM runs r WHERE r.job_id = j.id AND r.status = 'running') < j.max_concurrency "
    "WHEN 'coalesce' THEN NOT EXISTS (SELECT 1 FROM runs r WHERE r.job_id = j.id AND r.status = 'queued' AND "
    "r.attempt = 1 AND r.revision = j.revision AND r.parameters = ?5) ELSE 1 END";
constexpr char kQueuedAlready[] =
    "SELECT r.id, r.queued_at, r.triggered_by, j.name, (SELECT count(*) FROM job_tests l WHERE l.job_id = "
    "j.id) FROM jobs j JOIN runs r ON r.job_id = j.id AND r.status = 'queued' AND r.attempt = 1 AND "
    "r.revision = j.revision WHERE j.id = ? AND j.revision = ? AND NOT j.paused AND r.parameters = ? "
    "ORDER BY r.queued_at, r.id LIMIT 1";
constexpr char kIsBusy[] =
    "SELECT (SELECT count(*) FROM runs r WHERE r.job_id = j.id AND r.status = 'queued') + "
    "(SELECT count(*) FROM runs r WHERE r.job_id = j.id AND r.status = 'running') >= j.max_concurrency "
    "FROM jobs j WHERE j.id = ? AND j.revision = ? AND NOT j.paused";
constexpr char kKnowsRevision[] = "SELECT 1 FROM job_revisions WHERE job_id = ? AND revision = ?";
constexpr char kKeepRevision[] =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT j.id, j.revision, "
    "(SELECT json_group_array(json(o)) FROM (SELECT json_object('testId', t.id, 'title', t.title, 'type', "
    "t.type, "
    "'script', t.script, 'plain', t.plain_script) AS o FROM job_tests l JOIN tests t ON t.id = l.test_id "
    "WHERE l.job_id = j.id ORDER BY l.order_position, l.test_id)) "
    "FROM jobs j WHERE j.id = ? AND j.revision = ? ON CONFLICT DO NOTHING";
constexpr char kForgetKey[] =
    "DELETE FROM idempotency WHERE job_id = ? AND principal_id = ? AND key = ? AND expires_at <= ?";
constexpr char kTakeKey[] = "INSERT INTO idempotency (job_id, principal_id, key, digest, run_id, expires_at) "
                            "VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kCountOfJob[] =
    "SELECT count(*) FROM (SELECT 1 FROM runs WHERE job_id = ? AND status = 'queued' LIMIT ?)";
constexpr char kCountAll[] = "SELECT count(*) FROM (SELECT 1 FROM runs WHERE status = 'queued' LIMIT ?)";

std::optional<Replay> readReplay(SqliteConnection& connection, const IdempotencyKey& key, Micros now) {
    SqliteStatement statement = connection.statement(kReplay);
    if (!statement.with(key.jobId, key.principalId, key.key, now).step()) return std::nullopt;
    return Replay{statement.text(0),
                  statement.text(1),
                  statement.integer(2),
                  runStatusFrom(statement.text(3)).value_or(RunStatus::queued),
                  statement.text(4),
                  statement.text(5),
                  static_cast<int>(statement.integer(6))};
}

void takeKey(SqliteConnection& connection, const NewRun& run, const std::string& runId) {
    const IdempotencyKey& key = *run.idempotency;
    connection.statement(kTakeKey)
        .with(key.jobId, key.principalId, key.key, key.digest, runId, run.queuedAt + kKeyLife)
        .run();
}

/// Of a row that its job's policy may have kept out.
Inserted whyNotInserted(SqliteConnection& connection, const NewRun& run) {
    if (run.onBusy == OnBusy::coalesce) {
        SqliteStatement row = connection.statement(kQueuedAlready);
        if (row.with(run.jobId, run.revision, run.parametersJson).step())
            return {Inserted::Kind::coalesced,
                    {row.text(0), "", row.integer(1), RunStatus::queued, row.text(2), row.text(3),
                     static_cast<int>(row.integer(4))}};
    }
    SqliteStatement row = connection.statement(kIsBusy);
    if (!row.with(run.jobId, run.revision).step()) return {Inserted::Kind::revisionMoved, {}};
    const bool refused = run.onBusy == OnBusy::refuse && row.integer(0) != 0;
    return {refused ? Inserted::Kind::busy : Inserted::Kind::full, {}};
}

} // namespace

std::vector<std::optional<TriggerView>> SqliteTriggerStore::viewJobs(std::span<const std::string> jobIds,
                                                                     Instant deadline) {
    std::vector<std::optional<TriggerView>> views(jobIds.size());
    std::unordered_map<std::string, std::size_t> seen;
    _source.read(deadline, [&](SqliteConnection& connection) {
        for (std::size_t i = 0; i < jobIds.size(); ++i) {
            if (auto [at, first] = seen.try_emplace(jobIds[i], i); !first) {
                views[i] = views[at->second];
                continue;
            }
            SqliteStatement statement = connection.statement(kView);
            if (!statement.with(jobIds[i]).step()) continue;
            TriggerView view;
            view.jobId = jobIds[i];
            view.jobName = statement.text(0);
            view.paused = statement.integer(1) != 0;
            view.revision = statement.integer(2);
            view.testCount = static_cast<int>(statement.integer(3));
            view.queueLimit = static_cast<int>(statement.integer(4));
            view.priority = static_cast<int>(statement.integer(5));
            view.onBusy = onBusyFrom(statement.text(6)).value_or(OnBusy::queue);
            view.parametersJson = statement.text(7);
            views[i] = std::move(view);
        }
    });
    return views;
}

std::vector<std::optional<Replay>> SqliteTriggerStore::findReplays(std::span<const IdempotencyKey> keys,
                                                                   Micros now, Instant deadline) {
    std::vector<std::optional<Replay>> replays(keys.size());
    if (keys.empty()) return replays;
    _source.read(deadline, [&](SqliteConnection& connection) {
        for (std::size_t i = 0; i < keys.size(); ++i) replays[i] = readReplay(connection, keys[i], now);
    });
    return replays;
}

Inserted SqliteTriggerStore::insertOne(SqliteConnection& connection, const NewRun& run) {
    const std::optional<IdempotencyKey>& key = run.idempotency;
    if (key) {
        connection.statement(kForgetKey).with(key->jobId, key->principalId, key->key, run.queuedAt).run();
        if (auto replay = readReplay(connection, *key, run.queuedAt))
            return {Inserted::Kind::replay, *replay};
    }
    const bool always = run.onBusy == OnBusy::queue;
    SqliteStatement insert = connection.statement(always ? kInsert : kInsertUnlessBusy);
    insert.with(run.runId, run.trigger, run.triggeredBy, run.principalId, run.parametersJson, run.priority,
                run.queuedAt, run.jobId, run.revision);
    if ((!always && run.queueFull) || insert.run() == 0) {
        if (always) return {Inserted::Kind::revisionMoved, {}};
        Inserted busy = whyNotInserted(connection, run);
        if (key && busy.kind == Inserted::Kind::coalesced) takeKey(connection, run, busy.replay.runId);
        return busy;
    }
    if (!connection.statement(kKnowsRevision).with(run.jobId, run.revision).step())
        connection.statement(kKeepRevision).with(run.jobId, run.revision).run();
    if (key) takeKey(connection, run, run.runId);
    return {Inserted::Kind::inserted, {}};
}

std::vector<Inserted> SqliteTriggerStore::insertRuns(std::span<const NewRun> runs, Instant deadline) {
    std::vector<Inserted> outcome;
    if (runs.empty()) return outcome;
    _source.write(deadline, [&](SqliteConnection& connection) {
        for (const NewRun& run : runs) {
            connection.statement("SAVEPOINT row").run();
            try {
                outcome.push_back(insertOne(connection, run));
            } catch (const StorageUnavailable&) {
                throw;
            } catch (const std::runtime_error&) {
                connection.statement("ROLLBACK TO row").run();
                outcome.push_back({Inserted::Kind::revisionMoved, {}});
            }
            connection.statement("RELEASE row").run();
        }
    });
    return outcome;
}

std::vector<std::int64_t> SqliteTriggerStore::countQueued(std::span<const std::string> jobIds,
                                                          std::span<const int> limits, Instant deadline) {
    std::vector<std::int64_t> counts(jobIds.size());
    _source.read(deadline, [&](SqliteConnection& connection) {
        for (std::size_t i = 0; i < jobIds.size(); ++i) {
            SqliteStatement statement = connection.statement(kCountOfJob);
            statement.with(jobIds[i], std::int64_t{limits[i]} + 1).step();
            counts[i] = statement.integer(0);
        }
    });
    return counts;
}

std::int64_t SqliteTriggerStore::countAllQueued(std::int64_t limit, Instant deadline) {
    std::int64_t count = 0;
    _source.read(deadline, [&](SqliteConnection& connection) {
        SqliteStatement statement = connection.statement(kCountAll);
        statement.with(limit).step();
        count = statement.integer(0);
    });
    return count;
}

} // namespace usher
