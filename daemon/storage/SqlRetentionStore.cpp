#include "storage/SqlRetentionStore.h"

#include "base/Uuid.h"

#include <set>

namespace usher {

namespace {

constexpr Micros kDay = 24ll * 3600 * 1'000'000;

const std::string kEnded = "r.status NOT IN ('queued', 'running') ";
// $1: this node, $2: a day ago, $3: now.
const std::string kOurs = "AND (r.node_id IS NULL OR r.node_id = $1 OR NOT EXISTS (SELECT 1 FROM nodes n "
                          "WHERE n.id = r.node_id AND "
                          "n.heartbeat_at > CAST($2 AS bigint))) AND NOT EXISTS (SELECT 1 FROM idempotency i "
                          "WHERE i.run_id = r.id AND "
                          "i.expires_at > CAST($3 AS bigint)) ";

constexpr int kJobs = 100; // a look
const std::string kBeforeAll = "00000000-0000-0000-0000-000000000000";

/// The next jobs, each with whether it has more runs than stay: read from the index alone, and no further
/// than that number.
std::string nextJobs(int keepRuns) {
    return "SELECT CAST(j.id AS varchar(36)), CASE WHEN EXISTS (SELECT 1 FROM runs r WHERE r.job_id = j.id "
           "LIMIT 1 OFFSET " +
           std::to_string(keepRuns) +
           ") THEN '1' ELSE '0' END FROM jobs j WHERE j.id > $1 ORDER BY j.id LIMIT " + std::to_string(kJobs);
}

/// The runs of job $4 below the oldest that stays. Ids are in the order of time, and so is the index
/// runs_of_job: a window function would rank all runs, for each batch anew.
std::string beyond(int keepRuns) {
    return "AND r.job_id = $4 AND r.id < (SELECT e.id FROM runs e WHERE e.job_id = $4 AND e.status NOT IN "
           "('queued', 'running') ORDER BY e.id DESC LIMIT 1 OFFSET " +
           std::to_string(keepRuns - 1) + ") ";
}

/// $1, $2, … for these ids, which become `values`.
std::string listed(std::span<const std::string> ids, std::vector<SqlValue>& values) {
    std::string list;
    for (const std::string& id : ids) {
        values.push_back(sqlValue(id));
        list += (list.empty() ? "$" : ", $") + std::to_string(values.size());
    }
    return list;
}

} // namespace

std::vector<std::string> SqlRetentionStore::find(const std::string& which, const std::string& nodeId,
                                                 Micros now, const SqlValue& fourth, int atMost) {
    std::vector<std::string> runs;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(session,
                                       "SELECT CAST(r.id AS varchar(36)) FROM runs r WHERE " + kEnded +
                                           kOurs + which + "ORDER BY r.id LIMIT " + std::to_string(atMost),
                                       1, {sqlValue(nodeId), sqlValue(now - kDay), sqlValue(now), fourth});
        for (std::size_t i = 0; i < rows.size(); ++i) runs.push_back(rows.text(i, 0));
    });
    return runs;
}

std::vector<std::string> SqlRetentionStore::findOlder(int keepDays, const std::string& nodeId, Micros now,
                                                      int atMost) {
    return find("AND r.completed_at < CAST($4 AS bigint) ", nodeId, now, sqlValue(now - keepDays * kDay),
                atMost);
}

std::vector<std::string> SqlRetentionStore::findBeyond(int keepRuns, const std::string& nodeId, Micros now,
                                                       int atMost, std::string& job) {
    SqlRows jobs;
    _source.read([&](Poco::Data::Session& session) {
        jobs = sqlSelect(session, nextJobs(keepRuns), 2, {sqlValue(job.empty() ? kBeforeAll : job)});
    });
    if (job.empty()) job = kBeforeAll;
    std::vector<std::string> runs;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (jobs.flag(i, 1)) {
            const int room = atMost - static_cast<int>(runs.size());
            const auto more = find(beyond(keepRuns), nodeId, now, sqlValue(jobs.text(i, 0)), room);
            runs.insert(runs.end(), more.begin(), more.end());
            if (static_cast<int>(more.size()) == room) return runs; // the job may have more
        }
        job = jobs.text(i, 0);
    }
    if (jobs.size() < kJobs) job.clear();
    return runs;
}

int SqlRetentionStore::deleteRuns(std::span<const std::string> runIds) {
    int deleted = 0;
    if (runIds.empty()) return deleted;
    std::vector<SqlValue> values;
    const std::string which = "FROM runs r WHERE r.id IN (" + listed(runIds, values) + ") AND " + kEnded;
    const std::string lock = _source.kind() == SqlSource::Kind::postgres ? "ORDER BY r.id FOR UPDATE" : "";
    _source.write([&](Poco::Data::Session& session) {
        deleted = static_cast<int>(
            sqlSelect(session, "SELECT CAST(r.id AS varchar(36)) " + which + lock, 1, values).size());
        sqlChange(session, "DELETE FROM runs WHERE id IN (SELECT r.id " + which + ")", values);
    });
    return deleted;
}

std::vector<std::string> SqlRetentionStore::deletedOf(std::span<const std::string> runIds) {
    std::vector<std::string> deleted;
    if (runIds.empty()) return deleted;
    std::vector<SqlValue> values;
    const std::string there =
        "SELECT CAST(id AS varchar(36)) FROM runs WHERE id IN (" + listed(runIds, values) + ")";
    std::set<std::string> found;
    Micros began = 0;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(session, there, 1, values);
        for (std::size_t i = 0; i < rows.size(); ++i) found.insert(rows.text(i, 0));
        began = sqlSelect(session,
                          "SELECT CAST(min(applied_at) AS varchar(20)) FROM usher_migrations WHERE component "
                          "= 'daemon'",
                          1)
                    .integer(0, 0);
    });
    for (const std::string& id : runIds)
        if (!found.contains(id) && timeOfUuid(id).value_or(0) >= began) deleted.push_back(id);
    return deleted;
}

} // namespace usher
