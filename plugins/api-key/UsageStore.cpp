#include "UsageStore.h"

#include "KeyStore.h"
#include "common/Text.h"

namespace usher::apikey {

namespace {

// The column is better-auth's, and has 32 bits: a key that is used up to that stays there. One that went over
// would fail the statement for all keys in it, second by second.
constexpr std::string_view kRecordPostgres = R"sql(WITH free AS MATERIALIZED
    (SELECT {id} FROM apikey WHERE {id} = ANY ($1) ORDER BY {id} FOR NO KEY UPDATE SKIP LOCKED)
UPDATE apikey k SET {request_count} =
        least(coalesce(k.{request_count}, 0) + u.count, greatest(k.{request_count}, 2147483647)),
    {last_request} = greatest(k.{last_request}, to_timestamp(u.micros / 1000000.0))
FROM free f JOIN unnest($1::text[], $2::bigint[], $3::bigint[]) AS u (id, count, micros) ON u.id = f.{id}
WHERE k.{id} = f.{id} RETURNING k.{id})sql";

// A time that was written as anything but our text would compare wrongly: the newer one is simply ours.
constexpr std::string_view kRecordSqlite = "UPDATE apikey SET {request_count} = coalesce({request_count}, 0) "
                                           "+ CAST($2 AS INTEGER), {last_request} = $3 "
                                           "WHERE {id} = $1";

} // namespace

UsageStore::UsageStore(plugin::Database& database, const Columns& columns)
    : _database(database), _postgres(database.kind() == plugin::Database::Kind::postgres),
      _record(columns.expand(_postgres ? kRecordPostgres : kRecordSqlite)) {}

void UsageStore::record(plugin::Deadline deadline, Uses& uses) {
    if (uses.empty()) return;
    std::vector<std::string> written;
    _database.write(deadline, [&](plugin::Session& session) {
        if (!_postgres) {
            for (const auto& [id, use] : uses) {
                session.run(_record, {id, std::to_string(use.count), plugin::formatTime(use.lastMicros)});
                written.push_back(id);
            }
            return;
        }
        std::vector<std::string_view> ids;
        std::string counts = "{", times = "{";
        for (const auto& [id, use] : uses) {
            counts.append(ids.empty() ? "" : ",").append(std::to_string(use.count));
            times.append(ids.empty() ? "" : ",").append(std::to_string(use.lastMicros));
            ids.push_back(id);
        }
        const plugin::Result rows =
            session.run(_record, {arrayOf(_database.kind(), ids), counts + "}", times + "}"});
        for (std::size_t i = 0; i < rows.size(); ++i) written.push_back(rows.text(i, 0));
    });
    for (const std::string& id : written) uses.erase(id);
}

} // namespace usher::apikey
