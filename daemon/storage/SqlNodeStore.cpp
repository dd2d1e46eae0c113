#include "storage/SqlNodeStore.h"

#include <algorithm>

namespace usher {

void SqlNodeStore::registerNode(const Node& node) {
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(session,
                  "INSERT INTO nodes (id, name, boot_id, address, started_at, heartbeat_at, draining, "
                  "lease_seconds) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET "
                  "name = excluded.name, boot_id = excluded.boot_id, address = excluded.address, "
                  "started_at = excluded.started_at, heartbeat_at = excluded.heartbeat_at, "
                  "lease_seconds = excluded.lease_seconds, beats = nodes.beats + 1",
                  {sqlValue(node.id), sqlValue(node.name), sqlValue(node.bootId), sqlValue(node.address),
                   sqlValue(node.startedAt), sqlValue(node.heartbeatAt), sqlValue(node.draining),
                   sqlValue(std::int64_t{node.leaseSeconds})});
    });
}

void SqlNodeStore::beat(const std::string& nodeId, Micros now, int leaseSeconds) {
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(session,
                  "UPDATE nodes SET heartbeat_at = $1, lease_seconds = $2, beats = beats + 1 WHERE id = $3",
                  {sqlValue(now), sqlValue(std::int64_t{leaseSeconds}), sqlValue(nodeId)});
    });
}

bool SqlNodeStore::setDraining(const std::string& nodeId, bool draining) {
    bool known = false;
    _source.write([&](Poco::Data::Session& session) {
        known = !sqlSelect(session, "SELECT id FROM nodes WHERE id = $1", 1, {sqlValue(nodeId)}).empty();
        sqlChange(session, "UPDATE nodes SET draining = $1 WHERE id = $2",
                  {sqlValue(draining), sqlValue(nodeId)});
    });
    return known;
}

std::vector<Node> SqlNodeStore::listNodes() {
    std::vector<Node> nodes;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(
            session,
            "SELECT id, name, boot_id, address, CAST(started_at AS text), CAST(heartbeat_at AS text), "
            "CASE WHEN draining THEN '1' ELSE '0' END, CAST(beats AS text), CAST(lease_seconds AS text), "
            "CAST((SELECT count(*) FROM runs r WHERE r.status = 'running' AND r.node_id = nodes.id) AS text) "
            "FROM nodes ORDER BY name, id",
            10);
        for (std::size_t i = 0; i < rows.size(); ++i)
            nodes.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3),
                             rows.integer(i, 4), rows.integer(i, 5), rows.flag(i, 6), rows.integer(i, 7),
                             static_cast<int>(rows.integer(i, 8)), static_cast<int>(rows.integer(i, 9))});
    });
    return nodes;
}

void SqlNodeStore::appendAudit(const std::vector<AuditRecord>& records) {
    // Some rows a statement: a round trip each would take longer than the records take to come.
    constexpr std::size_t perStatement = 50;
    if (records.empty()) return;
    _source.write([&](Poco::Data::Session& session) {
        for (std::size_t from = 0; from < records.size(); from += perStatement) {
            std::string sql = "INSERT INTO audit_log (at, actor, action, resource, decision, code, address, "
                              "request_id, detail) VALUES ";
            std::vector<SqlValue> values;
            for (std::size_t i = from; i < std::min(records.size(), from + perStatement); ++i) {
                const AuditRecord& r = records[i];
                sql += i == from ? "(" : ", (";
                for (int column = 1; column <= 9; ++column)
                    sql += (column == 1 ? "$" : ", $") +
                           std::to_string(values.size() + static_cast<std::size_t>(column));
                sql += ")";
                const std::string* texts[] = {&r.actor, &r.action,  &r.resource,  &r.decision,
                                              &r.code,  &r.address, &r.requestId, &r.detail};
                values.push_back(sqlValue(r.at));
                for (const std::string* text : texts) values.push_back(sqlValue(*text));
            }
            sqlChange(session, sql, values);
        }
    });
}

} // namespace usher
