#include "storage/PostgresTriggerStore.h"

#include "domain/Errors.h"

#include <map>
#include <unordered_map>

namespace usher {

namespace {

constexpr Micros kKeyLife = 24ll * 3600 * 1'000'000;

constexpr char kView[] =
    "SELECT u.n, j.name, j.paused, j.revision, (SELECT count(*) FROM job_tests l WHERE l.job_id = j.id), "
    "j.queue_limit, j.priority, j.on_busy, j.parameters::text "
    "FROM unnest($1::uuid[]) WITH ORDINALITY u(id, n) JOIN jobs j ON j.id = u.id";

#define USHER_REPLAY                                                                                         \
    "SELECT u.n, i.run_id::text, i.digest, coalesce(r.first_queued_at, r.queued_at), r.status, "             \
    "r.triggered_by, j.name, "                                                                               \
    "coalesce((SELECT json_array_length(v.tests) FROM job_revisions v WHERE v.job_id = r.job_id AND "        \
    "v.revision = r.revision), (SELECT count(*) FROM job_tests l WHERE l.job_id = j.id)) "                   \
    "FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY u(job, principal, key, n) "             \
    "JOIN idempotency i ON i.job_id = u.job AND i.principal_id = u.principal AND i.key = u.key "             \
    "JOIN runs r ON r.id = i.run_id JOIN jobs j ON j.id = i.job_id WHERE i.expires_at > $4::bigint"
constexpr char kReplays[] = USHER_REPLAY;

constexpr char kInsertPlain[] =
    "INSERT INTO runs (id, job_id, trigger, triggered_by, principal_id, revision, parameters, priority, "
    "queued_at) "
    "SELECT u.id, u.job, u.how, u.name, u.principal, u.revision, u.parameters, u.priority, u.at "
    "FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::json[], "
    "$8::int[], "
    "$9::bigint[]) u(id, job, how, name, principal, revision, parameters, priority, at) "
    "JOIN jobs j ON j.id = u.job AND j.revision = u.revision AND NOT j.paused "
    "JOIN job_revisions v ON v.job_id = u.job AND v.revision = u.revision RETURNING id::text";

constexpr char kLockJobs[] = "SELECT 1 FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR SHARE";
constexpr char kKeepRevisions[] =
    "INSERT INTO job_revisions (job_id, revision, tests) SELECT j.id, j.revision, coalesce((SELECT "
    "json_agg(json_build_object('testId', t.id, 'title', t.title, 'type', t.type, 'script', t.script, "
    "'plain', "
    "t.plain_script) ORDER BY l.order_position, l.test_id) FROM job_tests l JOIN tests t ON t.id = l.test_id "
    "WHERE l.job_id = j.id), '[]'::json) FROM jobs j WHERE j.id = ANY ($1::uuid[]) AND NOT EXISTS "
    "(SELECT 1 FROM job_revisions v WHERE v.job_id = j.id AND v.revision = j.revision) "
    "ORDER BY j.id ON CONFLICT DO NOTHING";
// In the order of the key, so that two nodes with the same keys wait for each other in one direction only.
constexpr char kTakeKeys[] =
    "INSERT INTO idempotency (job_id, principal_id, key, digest, run_id, expires_at) "
    "SELECT u.job, u.principal, u.key, u.digest, u.run, u.until FROM unnest($1::uuid[], $2::text[], "
    "$3::text[], "
    "$4::text[], $5::uuid[], $6::bigint[], $7::bigint[]) u(job, principal, key, digest, run, until, "
    "revision) "
    "JOIN jobs j ON j.id = u.job AND j.revision = u.revision AND NOT j.paused "
    "ORDER BY u.job, u.principal, u.key "
    "ON CONFLICT (job_id, principal_id, key) DO UPDATE SET digest = excluded.digest, run_id = "
    "excluded.run_id, "
    "expires_at = excluded.expires_at WHERE idempotency.expires_at <= $8::bigint";
// A run with a key goes in only when its key names it.
constexpr char kInsertGuarded[] =
    "INSERT INTO runs (id, job_id, trigger, triggered_by, principal_id, revision, parameters, priority, "
    "queued_at) "
    "SELECT u.id, u.job, u.how, u.name, u.principal, u.revision, u.parameters, u.priority, u.at "
    "FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::json[], "
    "$8::int[], "
    "$9::bigint[], $10::boolean[]) u(id, job, how, name, principal, revision, parameters, priority, at, "
    "keyed) "
    "JOIN jobs j ON j.id = u.job AND j.revision = u.revision AND NOT j.paused "
    "WHERE NOT u.keyed OR EXISTS (SELECT 1 FROM idempotency i WHERE i.run_id = u.id) RETURNING id::text";
constexpr char kOwners[] = USHER_REPLAY;

constexpr char kCountOfJobs[] =
    "SELECT u.n, (SELECT count(*) FROM (SELECT 1 FROM runs r WHERE r.job_id = u.job AND r.status = 'queued' "
    "LIMIT u.most + 1) q) FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY u(job, most, n)";
constexpr char kCountAll[] =
    "SELECT count(*) FROM (SELECT 1 FROM runs WHERE status = 'queued' LIMIT $1::bigint) q";

struct RowArrays {
    PgArray ids, jobs, how, names, principals, revisions, parameters, priorities, at;

    explicit RowArrays(const std::vector<const NewRun*>& rows) {
        for (const NewRun* run : rows) {
            ids.add(run->runId);
            jobs.add(run->jobId);
            how.addQuoted(run->trigger);
            names.addQuoted(run->triggeredBy);
            principals.addQuoted(run->principalId);
            revisions.add(run->revision);
            parameters.addQuoted(run->parametersJson);
            priorities.add(std::int64_t{run->priority});
            at.add(run->queuedAt);
        }
    }
    std::vector<SqlValue> take() {
        return {ids.take(),       jobs.take(),       how.take(),        names.take(), principals.take(),
                revisions.take(), parameters.take(), priorities.take(), at.take()};
    }
};

std::vector<SqlValue> keyArrays(std::span<const IdempotencyKey> keys, Micros now) {
    PgArray jobs, principals, names;
    for (const IdempotencyKey& key : keys) {
        jobs.add(key.jobId);
        principals.addQuoted(key.principalId);
        names.addQuoted(key.key);
    }
    return {jobs.take(), principals.take(), names.take(), sqlValue(now)};
}

std::vector<std::optional<Replay>> replaysIn(const PgResult& result, std::size_t count) {
    std::vector<std::optional<Replay>> replays(count);
    for (int row = 0; row < result.size(); ++row)
        replays.at(static_cast<std::size_t>(result.integer(row, 0) - 1)) =
            Replay{result.text(row, 1),
                   result.text(row, 2),
                   result.integer(row, 3),
                   runStatusFrom(result.view(row, 4)).value_or(RunStatus::queued),
                   result.text(row, 5),
                   result.text(row, 6),
                   static_cast<int>(result.integer(row, 7))};
    return replays;
}

/// Distinct ids, as an array.
SqlValue jobArray(const std::vector<const NewRun*>& rows) {
    PgArray array;
    std::unordered_map<std::string_view, bool> seen;
    for (const NewRun* run : rows)
        if (seen.try_emplace(run->jobId, true).second) array.add(run->jobId);
    return array.take();
}

/// A COMMIT that failed has ended the transaction already.
void rollBack(PgConnection& connection, Instant deadline) {
    if (connection.inTransaction()) connection.script("ROLLBACK", deadline);
}

void markInserted(const PgResult& result, const std::vector<const NewRun*>& rows,
                  std::vector<bool>& inserted) {
    std::unordered_map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < rows.size(); ++i) places.emplace(rows[i]->runId, i);
    for (int row = 0; row < result.size(); ++row)
        if (auto at = places.find(result.view(row, 0)); at != places.end()) inserted[at->second] = true;
}

} // namespace

std::vector<std::optional<TriggerView>> PostgresTriggerStore::viewJobs(std::span<const std::string> jobIds,
                                                                       Instant deadline) {
    std::vector<std::optional<TriggerView>> views(jobIds.size());
    if (jobIds.empty()) return views;
    PgArray ids;
    std::unordered_map<std::string_view, std::size_t> places; // of the distinct ids
    for (const std::string& id : jobIds)
        if (places.try_emplace(id, places.size()).second) ids.add(id);
    std::vector<std::optional<TriggerView>> distinct(places.size());
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kView, {ids.take()}}, deadline);
        for (int row = 0; row < rows.size(); ++row) {
            TriggerView view;
            view.jobName = rows.text(row, 1);
            view.paused = rows.flag(row, 2);
            view.revision = rows.integer(row, 3);
            view.testCount = static_cast<int>(rows.integer(row, 4));
            view.queueLimit = static_cast<int>(rows.integer(row, 5));
            view.priority = static_cast<int>(rows.integer(row, 6));
            view.onBusy = onBusyFrom(rows.view(row, 7)).value_or(OnBusy::queue);
            view.parametersJson = rows.text(row, 8);
            distinct.at(static_cast<std::size_t>(rows.integer(row, 0) - 1)) = std::move(view);
        }
    });
    for (std::size_t i = 0; i < jobIds.size(); ++i) {
        views[i] = distinct[places.at(jobIds[i])];
        if (views[i]) views[i]->jobId = jobIds[i];
    }
    return views;
}

std::vector<std::optional<Replay>> PostgresTriggerStore::findReplays(std::span<const IdempotencyKey> keys,
                                                                     Micros now, Instant deadline) {
    std::vector<std::optional<Replay>> replays(keys.size());
    if (keys.empty()) return replays;
    _sessions.with(deadline,
                   [&](PgConnection& connection) { replays = replaysOf(connection, keys, now, deadline); });
    return replays;
}

std::vector<std::optional<Replay>> PostgresTriggerStore::replaysOf(PgConnection& connection,
                                                                   std::span<const IdempotencyKey> keys,
                                                                   Micros now, Instant deadline) {
    return replaysIn(connection.run(PgCommand{kReplays, keyArrays(keys, now)}, deadline), keys.size());
}

std::vector<Inserted> PostgresTriggerStore::insertRuns(std::span<const NewRun> runs, Instant deadline) {
    std::vector<Inserted> outcome(runs.size());
    if (runs.empty()) return outcome;
    _sessions.with(deadline, [&](PgConnection& connection) {
        Rows rows, left;
        std::vector<std::size_t> places, leftPlaces;
        std::map<std::string_view, std::vector<std::size_t>> busyJobs; // one lock at a time, in any order
        bool plain = true;
        for (std::size_t i = 0; i < runs.size(); ++i) {
            if (runs[i].onBusy != OnBusy::queue) {
                busyJobs[runs[i].jobId].push_back(i);
                continue;
            }
            rows.push_back(&runs[i]);
            places.push_back(i);
            plain = plain && !runs[i].idempotency;
        }
        std::vector<bool> inserted(rows.size(), false);
        if (plain && !rows.empty()) insertPlain(connection, rows, inserted, deadline);
        for (std::size_t i = 0; i < rows.size(); ++i)
            if (!inserted[i]) {
                left.push_back(rows[i]);
                leftPlaces.push_back(places[i]);
            }
        auto spread = [&](std::vector<Inserted> answers, const std::vector<std::size_t>& to) {
            for (std::size_t i = 0; i < to.size(); ++i) outcome[to[i]] = std::move(answers[i]);
        };
        if (!left.empty()) spread(insertPatiently(connection, left, deadline), leftPlaces);
        for (const auto& [job, at] : busyJobs) {
            Rows ofJob;
            for (std::size_t i : at) ofJob.push_back(&runs[i]);
            spread(insertUnlessBusyPatiently(connection, ofJob, deadline), at);
        }
    });
    return outcome;
}

void PostgresTriggerStore::insertPlain(PgConnection& connection, const Rows& rows,
                                       std::vector<bool>& inserted, Instant deadline) {
    try {
        markInserted(connection.run(PgCommand{kInsertPlain, RowArrays(rows).take()}, deadline), rows,
                     inserted);
    } catch (const PgError&) {
        // One row may be at fault, or a job was deleted just now: the long way finds out.
    }
}

std::vector<Inserted> PostgresTriggerStore::insertGuarded(PgConnection& connection, const Rows& rows,
                                                          Instant deadline) {
    // Of equal keys in one batch the first row speaks for all.
    std::unordered_map<std::string, std::size_t> firsts;
    Rows sent;
    std::vector<std::size_t> speaker(rows.size()); // place in `sent`
    std::vector<std::optional<std::size_t>> keyPlace;
    std::vector<IdempotencyKey> keys;
    PgArray digests, keyRuns, until, revisions, keyed;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto& key = rows[i]->idempotency;
        if (key) {
            const std::string name = key->jobId + '\0' + key->principalId + '\0' + key->key;
            if (auto [at, isFirst] = firsts.try_emplace(name, sent.size()); !isFirst) {
                speaker[i] = at->second;
                continue;
            }
        }
        speaker[i] = sent.size();
        sent.push_back(rows[i]);
        keyPlace.push_back(key ? std::optional(keys.size()) : std::nullopt);
        if (!key) {
            keyed.add(std::string_view("f"));
            continue;
        }
        keys.push_back(*key);
        digests.addQuoted(key->digest);
        keyRuns.add(rows[i]->runId);
        until.add(rows[i]->queuedAt + kKeyLife);
        revisions.add(rows[i]->revision);
        keyed.add(std::string_view("t"));
    }
    const Micros now = rows.front()->queuedAt;
    const SqlValue jobs = jobArray(sent);
    std::vector<SqlValue> owners = keyArrays(keys, now);
    std::vector<SqlValue> runValues = RowArrays(sent).take();
    runValues.push_back(keyed.take());
    const PgCommand commands[] = {
        {"BEGIN"},
        {kLockJobs, {jobs}},
        {kKeepRevisions, {jobs}},
        {kTakeKeys,
         {owners[0], owners[1], owners[2], digests.take(), keyRuns.take(), until.take(), revisions.take(),
          sqlValue(now)}},
        {kInsertGuarded, std::move(runValues)},
        {kOwners, owners},
        {"COMMIT"},
    };
    const std::vector<PgResult> results = connection.run(commands, deadline);

    std::vector<bool> went(sent.size(), false);
    markInserted(results[4], sent, went);
    const std::vector<std::optional<Replay>> holders = replaysIn(results[5], keys.size());
    std::vector<Inserted> outcome(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::size_t place = speaker[i];
        const bool own = sent[place] == rows[i];
        const std::optional<Replay> holder = keyPlace[place] ? holders[*keyPlace[place]] : std::nullopt;
        if (own && went[place])
            outcome[i].kind = Inserted::Kind::inserted;
        else if (holder)
            outcome[i] = {Inserted::Kind::replay, *holder};
        else
            outcome[i].kind = Inserted::Kind::revisionMoved;
    }
    return outcome;
}

std::vector<Inserted> PostgresTriggerStore::insertPatiently(PgConnection& connection, const Rows& rows,
                                                            Instant deadline) {
    for (int attempt = 1; attempt <= 3; ++attempt) {
        try {
            return insertGuarded(connection, rows, deadline);
        } catch (const PgError& error) {
            rollBack(connection, deadline);
            if (!error.isTransient() && error.sqlState != PgError::kForeignKey) break;
        }
    }
    std::vector<Inserted> outcome;
    for (const NewRun* row : rows) {
        try {
            outcome.push_back(insertGuarded(connection, {row}, deadline).front());
        } catch (const PgError&) {
            rollBack(connection, deadline);
            outcome.push_back({Inserted::Kind::revisionMoved, {}});
        }
    }
    return outcome;
}

std::vector<std::int64_t> PostgresTriggerStore::countQueued(std::span<const std::string> jobIds,
                                                            std::span<const int> limits, Instant deadline) {
    std::vector<std::int64_t> counts(jobIds.size());
    if (jobIds.empty()) return counts;
    PgArray jobs, most;
    for (std::size_t i = 0; i < jobIds.size(); ++i) {
        jobs.add(jobIds[i]);
        most.add(std::int64_t{limits[i]});
    }
    _sessions.with(deadline, [&](PgConnection& connection) {
        const PgResult rows = connection.run(PgCommand{kCountOfJobs, {jobs.take(), most.take()}}, deadline);
        for (int row = 0; row < rows.size(); ++row)
            counts.at(static_cast<std::size_t>(rows.integer(row, 0) - 1)) = rows.integer(row, 1);
    });
    return counts;
}

std::int64_t PostgresTriggerStore::countAllQueued(std::int64_t limit, Instant deadline) {
    std::int64_t count = 0;
    _sessions.with(deadline, [&](PgConnection& connection) {
        count = connection.run(PgCommand{kCountAll, {sqlValue(limit)}}, deadline).integer(0, 0);
    });
    return count;
}

} // namespace usher
