#include "storage/SqlNodeStore.h"

#include "base/Cursor.h"

#include <algorithm>

namespace usher {

void SqlNodeStore::registerNode(const Node& node) {
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(
            session,
            "INSERT INTO nodes (id, name, boot_id, address, started_at, heartbeat_at, draining) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET name = excluded.name, "
            "boot_id = excluded.boot_id, address = excluded.address, started_at = excluded.started_at, "
            "heartbeat_at = excluded.heartbeat_at, draining = excluded.draining, beats = nodes.beats + 1",
            {sqlValue(node.id), sqlValue(node.name), sqlValue(node.bootId), sqlValue(node.address),
             sqlValue(node.startedAt), sqlValue(node.heartbeatAt), sqlValue(node.draining)});
    });
}

void SqlNodeStore::beat(const std::string& nodeId, Micros now) {
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(session, "UPDATE nodes SET heartbeat_at = $1, beats = beats + 1 WHERE id = $2",
                  {sqlValue(now), sqlValue(nodeId)});
    });
}

std::vector<Node> SqlNodeStore::listNodes() {
    std::vector<Node> nodes;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(
            session,
            "SELECT id, name, boot_id, address, CAST(started_at AS text), CAST(heartbeat_at AS text), "
            "CASE WHEN draining THEN '1' ELSE '0' END FROM nodes ORDER BY name, id",
            7);
        for (std::size_t i = 0; i < rows.size(); ++i)
            nodes.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3),
                             rows.integer(i, 4), rows.integer(i, 5), rows.flag(i, 6)});
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

Page<AuditEntry> SqlNodeStore::listAudit(const AuditFilter& filter) {
    Page<AuditEntry> page;
    const int limit = std::clamp(filter.page.limit, 1, 200);
    std::vector<SqlValue> params;
    std::string where;
    auto bind = [&](SqlValue value) {
        params.push_back(std::move(value));
        return "$" + std::to_string(params.size());
    };
    auto require = [&](const std::string& condition) {
        where += (where.empty() ? "WHERE " : "AND ") + condition + " ";
    };
    if (filter.since) require("at >= " + bind(sqlValue(*filter.since)));
    if (filter.until) require("at < " + bind(sqlValue(*filter.until)));
    if (filter.actor) require("actor = " + bind(sqlValue(*filter.actor)));
    if (filter.action) require("action = " + bind(sqlValue(*filter.action)));
    if (auto cursor = serialCursorFrom(filter.page.cursor)) {
        const std::string at = bind(sqlValue(cursor->at)), id = bind(sqlValue(cursor->id));
        require("(at, id) < (CAST(" + at + " AS bigint), CAST(" + id + " AS bigint))");
    }
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(
            session,
            "SELECT CAST(id AS text), CAST(at AS text), actor, action, resource, decision, code, address, "
            "request_id, detail FROM audit_log " +
                where + "ORDER BY at DESC, id DESC LIMIT " + std::to_string(limit + 1),
            10, params);
        for (std::size_t i = 0; i < rows.size() && static_cast<int>(i) < limit; ++i) {
            AuditEntry entry;
            entry.id = rows.integer(i, 0);
            entry.at = rows.integer(i, 1);
            std::string* texts[] = {&entry.actor, &entry.action,  &entry.resource,  &entry.decision,
                                    &entry.code,  &entry.address, &entry.requestId, &entry.detail};
            for (std::size_t column = 0; column < std::size(texts); ++column)
                *texts[column] = rows.text(i, column + 2);
            page.items.push_back(std::move(entry));
        }
        if (rows.size() > static_cast<std::size_t>(limit))
            page.nextCursor = toCursor(SerialCursor{page.items.back().at, page.items.back().id});
    });
    return page;
}

bool SqlNodeStore::pruneAudit(Micros before, int atMost) {
    bool more = false;
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(session,
                  "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < $1 ORDER BY at "
                  "LIMIT " +
                      std::to_string(atMost) + ")",
                  {sqlValue(before)});
        more = !sqlSelect(session, "SELECT '1' FROM audit_log WHERE at < $1 LIMIT 1", 1, {sqlValue(before)})
                    .empty();
    });
    return more;
}

NodeStore::SetupChange SqlNodeStore::replaceSetupToken(const std::string& hash, const std::string& nodeName,
                                                       Micros now) {
    SetupChange change = SetupChange::noTable;
    _source.write([&](Poco::Data::Session& session) {
        change = SetupChange::noTable;
        const std::string table =
            _source.kind() == SqlSource::Kind::sqlite
                ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'setup'"
                : "SELECT CAST(to_regclass('setup') AS text) WHERE to_regclass('setup') IS NOT NULL";
        if (sqlSelect(session, table, 1).empty()) return;
        // Whoever makes the first admin locks this row and sets `done`: either we see that, or he sees us.
        sqlChange(
            session,
            "UPDATE setup SET token_hash = $1, node = $2, created_at = $3 WHERE id = 1 AND done = false "
            "AND NOT EXISTS (SELECT 1 FROM \"user\")",
            {sqlValue(hash), sqlValue(nodeName), sqlValue(now)});
        sqlChange(session,
                  "INSERT INTO setup (id, token_hash, node, created_at, done) SELECT 1, CAST($1 AS text), "
                  "CAST($2 AS text), CAST($3 AS bigint), false WHERE NOT EXISTS (SELECT 1 FROM \"user\") ON "
                  "CONFLICT (id) DO NOTHING",
                  {sqlValue(hash), sqlValue(nodeName), sqlValue(now)});
        const bool ours = !sqlSelect(session, "SELECT node FROM setup WHERE id = 1 AND token_hash = $1", 1,
                                     {sqlValue(hash)})
                               .empty();
        change = ours ? SetupChange::replaced : SetupChange::setupDone;
    });
    return change;
}

} // namespace usher
