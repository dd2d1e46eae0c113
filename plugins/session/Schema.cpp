#include "session/Schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>

namespace usher::session {

namespace {

using plugin::Database;

constexpr std::string_view kColumnsPostgres =
    R"(SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('"' || $1 || '"') AND attnum > 0 AND NOT attisdropped)";
constexpr std::string_view kColumnsSqlite = "SELECT name FROM pragma_table_info($1)";
constexpr std::string_view kIntegerTimes =
    "SELECT 1 FROM pragma_table_info('session') WHERE name = $1 AND lower(type) LIKE '%int%'";

/// <date> and <bool> are the column types that better-auth uses on this database.
constexpr std::string_view kUser = R"(CREATE TABLE {user} (
    {id} text NOT NULL PRIMARY KEY, {name} text NOT NULL, {email} text NOT NULL UNIQUE,
    {email_verified} <bool> NOT NULL DEFAULT {false}, {image} text, {role} text, {banned} <bool>, {ban_reason} text,
    {ban_expires} <date>, {created_at} <date> NOT NULL DEFAULT CURRENT_TIMESTAMP,
    {updated_at} <date> NOT NULL DEFAULT CURRENT_TIMESTAMP);
)";
constexpr std::string_view kSession = R"(CREATE TABLE {session} (
    {id} text NOT NULL PRIMARY KEY, {expires_at} <date> NOT NULL, {token} text NOT NULL UNIQUE,
    {created_at} <date> NOT NULL DEFAULT CURRENT_TIMESTAMP, {updated_at} <date> NOT NULL DEFAULT CURRENT_TIMESTAMP,
    {ip_address} text, {user_agent} text, {user_id} text NOT NULL REFERENCES {user} ({id}) ON DELETE CASCADE);
CREATE INDEX session_user_id_idx ON {session} ({user_id});
)";
constexpr std::string_view kAccount = R"(CREATE TABLE {account} (
    {id} text NOT NULL PRIMARY KEY, {account_id} text NOT NULL, {provider_id} text NOT NULL,
    {user_id} text NOT NULL REFERENCES {user} ({id}) ON DELETE CASCADE, {access_token} text, {refresh_token} text,
    {id_token} text, {access_token_expires_at} <date>, {refresh_token_expires_at} <date>, {scope} text,
    {password} text, {created_at} <date> NOT NULL DEFAULT CURRENT_TIMESTAMP,
    {updated_at} <date> NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX account_user_id_idx ON {account} ({user_id});
)";
constexpr std::string_view kSetup = R"(CREATE TABLE setup (
    id integer NOT NULL PRIMARY KEY CHECK (id = 1), token_hash text NOT NULL, node text NOT NULL,
    created_at bigint NOT NULL, done <bool> NOT NULL DEFAULT {false});
)";

struct Added {
    std::string_view name, type;
};
constexpr std::array<Added, 4> kAddedToUser{
    {{"role", "text"}, {"banned", "<bool>"}, {"ban_reason", "text"}, {"ban_expires", "<date>"}}};
const std::map<std::string, std::vector<std::string_view>, std::less<>> kNeeded{
    {"user", {"id", "name", "email", "email_verified", "image", "created_at", "updated_at"}},
    {"session",
     {"id", "token", "user_id", "expires_at", "ip_address", "user_agent", "created_at", "updated_at"}},
    {"account", {"id", "account_id", "provider_id", "user_id", "password", "created_at", "updated_at"}}};

using Columns = std::set<std::string>;

Columns columnsOf(Database& database, const std::string& table) {
    Columns columns;
    database.read(std::chrono::steady_clock::now() + std::chrono::seconds(10), [&](plugin::Session& session) {
        const bool postgres = database.kind() == Database::Kind::postgres;
        const plugin::Result rows = session.run(postgres ? kColumnsPostgres : kColumnsSqlite, {table});
        columns.clear();
        for (std::size_t row = 0; row < rows.size(); ++row) columns.insert(rows.text(row, 0));
    });
    return columns;
}

void refuseIntegerTimes(Database& database, const std::string& column) {
    if (database.kind() != Database::Kind::sqlite) return;
    database.read(std::chrono::steady_clock::now() + std::chrono::seconds(10), [&](plugin::Session& session) {
        if (!session.run(kIntegerTimes, {column}).empty())
            throw std::runtime_error("the table session is there already, but its times are integers: on "
                                     "SQLite only times as text can be shared (better-auth's Kysely tables)");
    });
}

std::string typed(std::string sql, Database::Kind kind) {
    const bool postgres = kind == Database::Kind::postgres;
    const std::array<std::pair<std::string_view, std::string_view>, 2> types{
        {{"<date>", postgres ? "timestamptz" : "date"}, {"<bool>", postgres ? "boolean" : "integer"}}};
    for (const auto& [from, to] : types)
        for (std::size_t at = sql.find(from); at != std::string::npos; at = sql.find(from, at))
            sql.replace(at, from.size(), to);
    return sql;
}

std::string unquoted(const std::string& column) {
    return column.substr(1, column.size() - 2);
}

} // namespace

Naming prepareSchema(Database& database) {
    std::map<std::string, Columns> found;
    for (const auto& needed : kNeeded) found[needed.first] = columnsOf(database, needed.first);
    const bool camel = std::any_of(found.begin(), found.end(), [](const auto& table) {
        return table.second.count("emailVerified") || table.second.count("userId");
    });
    const Naming naming = camel ? Naming::camel : Naming::snake;
    const Dialect dialect(database.kind(), naming);

    std::string sql;
    if (found["user"].empty()) {
        sql += dialect.sql(kUser);
    } else {
        const std::string ifMissing = database.kind() == Database::Kind::postgres ? "IF NOT EXISTS " : "";
        for (const Added& added : kAddedToUser)
            if (!found["user"].count(unquoted(dialect.column(added.name))))
                sql += "ALTER TABLE \"user\" ADD COLUMN " + ifMissing + dialect.column(added.name) + " " +
                       std::string(added.type) + ";\n";
    }
    if (found["session"].empty()) sql += dialect.sql(kSession);
    if (found["account"].empty()) sql += dialect.sql(kAccount);
    for (const auto& [table, columns] : kNeeded)
        for (std::string_view column : columns)
            if (!found[table].empty() && !found[table].count(unquoted(dialect.column(column))))
                throw std::runtime_error("the table " + table + " is there already, but has no column " +
                                         dialect.column(column) +
                                         ": it is not one of better-auth's, or of another version");
    refuseIntegerTimes(database, unquoted(dialect.column("expires_at")));
    sql += dialect.sql(kSetup);
    // On a later start the first migration is recorded and its text does not matter any more.
    plugin::migrate(database, "session",
                    {{1, "users, sessions, accounts, setup", typed(sql, database.kind())}});
    return naming;
}

} // namespace usher::session
