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

std::vector<std::string> SqlRetentionStore::findExpired(const RetentionRules& rules,
                                                        const std::string& nodeId, Micros now, int atMost) {
    std::vector<std::string> expired;
    const std::string limit = "LIMIT " + std::to_string(atMost);
    std::vector<SqlValue> values{sqlValue(nodeId), sqlValue(now - kDay), sqlValue(now)};
    _source.read([&](Poco::Data::Session& session) {
        auto take = [&](const std::string& sql) {
            const SqlRows rows = sqlSelect(session, sql, 1, values);
            for (std::size_t i = 0; i < rows.size(); ++i) expired.push_back(rows.text(i, 0));
        };
        if (rules.keepDays > 0) {
            values.push_back(sqlValue(now - rules.keepDays * kDay));
            take("SELECT CAST(r.id AS varchar(36)) FROM runs r WHERE " + kEnded + kOurs +
                 "AND r.completed_at < CAST($4 AS bigint) ORDER BY r.id " + limit);
            values.pop_back();
        }
        if (rules.keepRuns > 0 && expired.empty()) // ids are in the order of time
            take(
                "SELECT CAST(r.id AS varchar(36)) FROM (SELECT r.*, row_number() OVER (PARTITION BY r.job_id "
                "ORDER BY r.id DESC) AS place FROM runs r WHERE " +
                kEnded + ") r WHERE r.place > " + std::to_string(rules.keepRuns) + " " + kOurs +
                "ORDER BY r.id " + limit);
    });
    return expired;
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
