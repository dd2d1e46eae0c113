#include "KeyStore.h"

#include "common/Json.h"

namespace usher::apikey {

namespace {

using plugin::Database;

// Times are compared by the database, on its own clock. NULL in `enabled` and `rate_limit_enabled` means
// true; a limit without numbers is the default one.
constexpr std::string_view kFindPostgres = R"sql(SELECT
    k.{key}, k.{id}, k.{name}, k.{start}, k.{job_id}::text, coalesce(k.{enabled}, true),
    coalesce(k.{expires_at} < clock_timestamp(), false), coalesce(k.{rate_limit_enabled}, true),
    coalesce(k.{rate_limit_max}, 100), coalesce(k.{rate_limit_time_window}, 60000), k.{remaining},
    k.{allowed_addresses}, k.{permissions}
FROM apikey k WHERE k.{key} = ANY ($1))sql";

// A time that cannot be read counts as past.
constexpr std::string_view kFindSqlite = R"sql(SELECT
    k.{key}, k.{id}, k.{name}, k.{start}, k.{job_id}, coalesce(k.{enabled}, 1),
    CASE WHEN k.{expires_at} IS NULL THEN 0
         ELSE coalesce(julianday(k.{expires_at}) < julianday('now'), 1) END,
    coalesce(k.{rate_limit_enabled}, 1), coalesce(k.{rate_limit_max}, 100),
    coalesce(k.{rate_limit_time_window}, 60000), k.{remaining}, k.{allowed_addresses}, k.{permissions}
FROM apikey k WHERE k.{key} IN (SELECT value FROM json_each($1)))sql";

constexpr std::string_view kRewrite = "UPDATE apikey SET {key} = $1 WHERE {id} = $2 AND {key} = $3";

KeyRow rowAt(const plugin::Result& rows, std::size_t at) {
    KeyRow row;
    row.stored = rows.text(at, 0);
    row.id = rows.text(at, 1);
    row.name = rows.text(at, 2);
    row.start = rows.text(at, 3);
    row.jobId = rows.maybeText(at, 4);
    row.enabled = rows.flag(at, 5, true);
    row.expired = rows.flag(at, 6, true);
    row.limited = rows.flag(at, 7, true);
    row.max = rows.integer(at, 8);
    row.windowMs = rows.integer(at, 9);
    row.remaining = rows.maybeInteger(at, 10);
    row.allowedAddresses = rows.text(at, 11);
    row.permissions = rows.maybeText(at, 12);
    return row;
}

} // namespace

std::string arrayOf(Database::Kind kind, const std::vector<std::string_view>& texts) {
    const bool postgres = kind == Database::Kind::postgres;
    std::string out(1, postgres ? '{' : '[');
    out.reserve(texts.size() * 48 + 2);
    for (const std::string_view text : texts) {
        if (out.size() > 1) out += ',';
        out += '"';
        for (const char c : text) { // printable ASCII and ids of our tables: both notations escape alike
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        out += '"';
    }
    out += postgres ? '}' : ']';
    return out;
}

KeyStore::KeyStore(Database& database, const Columns& columns)
    : _database(database),
      _find(columns.expand(database.kind() == Database::Kind::postgres ? kFindPostgres : kFindSqlite)),
      _rewrite(columns.expand(kRewrite)) {}

std::vector<KeyRow> KeyStore::find(plugin::Deadline deadline, const std::vector<std::string_view>& stored) {
    std::vector<KeyRow> found;
    _database.read(deadline, [&](plugin::Session& session) {
        const plugin::Result rows = session.run(_find, {arrayOf(_database.kind(), stored)});
        found.reserve(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i) found.push_back(rowAt(rows, i));
    });
    return found;
}

void KeyStore::rewrite(plugin::Deadline deadline, const KeyRow& row, const std::string& stored) {
    _database.write(deadline, [&](plugin::Session& session) {
        if (_database.kind() == Database::Kind::postgres) session.script("SET LOCAL lock_timeout = '50ms'");
        session.run(_rewrite, {stored, row.id, row.stored});
    });
}

} // namespace usher::apikey
