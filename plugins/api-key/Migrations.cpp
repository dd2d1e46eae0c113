#include "Migrations.h"

namespace usher::apikey {

namespace {

// Column types are better-auth's. `reference_id` has no foreign key: deleting a user keeps the keys working.
constexpr std::string_view kKeysPostgres = R"sql(
CREATE TABLE IF NOT EXISTS apikey (
    id text PRIMARY KEY,
    config_id text NOT NULL DEFAULT 'default',
    name text,
    start text,
    prefix text,
    key text NOT NULL,
    reference_id text,
    job_id JOB_ID_TYPE REFERENCES jobs (id) ON DELETE CASCADE,
    enabled boolean DEFAULT true,
    expires_at timestamptz,
    rate_limit_enabled boolean DEFAULT true,
    rate_limit_time_window integer DEFAULT 60000,
    rate_limit_max integer DEFAULT 100,
    request_count integer DEFAULT 0,
    remaining integer,
    refill_interval integer,
    refill_amount integer,
    last_refill_at timestamptz,
    last_request timestamptz,
    allowed_addresses text,
    permissions text,
    metadata text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
)sql";

constexpr std::string_view kKeysSqlite = R"sql(
CREATE TABLE IF NOT EXISTS apikey (
    id text PRIMARY KEY NOT NULL,
    config_id text NOT NULL DEFAULT 'default',
    name text,
    start text,
    prefix text,
    key text NOT NULL,
    reference_id text,
    job_id JOB_ID_TYPE REFERENCES jobs (id) ON DELETE CASCADE,
    enabled integer DEFAULT 1,
    expires_at date,
    rate_limit_enabled integer DEFAULT 1,
    rate_limit_time_window integer DEFAULT 60000,
    rate_limit_max integer DEFAULT 100,
    request_count integer DEFAULT 0,
    remaining integer,
    refill_interval integer,
    refill_amount integer,
    last_refill_at date,
    last_request date,
    allowed_addresses text,
    permissions text,
    metadata text,
    created_at date NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at date NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
)sql";

constexpr std::string_view kIndexes = R"sql(
CREATE UNIQUE INDEX IF NOT EXISTS apikey_key ON apikey ({key});
CREATE UNIQUE INDEX IF NOT EXISTS apikey_job_name ON apikey ({job_id}, {name});
)sql";

constexpr std::string_view kSpendPostgres = R"sql(
CREATE TABLE IF NOT EXISTS apikey_spend (
    id bigint PRIMARY KEY,
    apikey_id text NOT NULL REFERENCES apikey (id) ON DELETE CASCADE,
    at bigint NOT NULL,
    uses integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS apikey_spend_window ON apikey_spend (apikey_id, at);
)sql";

constexpr std::string_view kSpendSqlite = R"sql(
CREATE TABLE IF NOT EXISTS apikey_spend (
    id integer PRIMARY KEY NOT NULL,
    apikey_id text NOT NULL REFERENCES apikey (id) ON DELETE CASCADE,
    at integer NOT NULL,
    uses integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS apikey_spend_window ON apikey_spend (apikey_id, at);
)sql";

// What a table of another application gets: nullable, so that it may go on writing rows that know nothing of
// them.
struct Added {
    std::string_view column, type;
};
constexpr Added kAdded[] = {{"config_id", "text DEFAULT 'default'"},
                            {"job_id", "JOB_ID_TYPE REFERENCES jobs (id) ON DELETE CASCADE"},
                            {"allowed_addresses", "text"}};
constexpr std::string_view kNeeded[] = {"id",
                                        "name",
                                        "start",
                                        "prefix",
                                        "key",
                                        "reference_id",
                                        "enabled",
                                        "expires_at",
                                        "rate_limit_enabled",
                                        "remaining",
                                        "rate_limit_max",
                                        "rate_limit_time_window",
                                        "permissions",
                                        "metadata",
                                        "request_count",
                                        "created_at",
                                        "updated_at",
                                        "last_request",
                                        "last_refill_at",
                                        "refill_amount",
                                        "refill_interval"};

constexpr std::string_view kJobIdType =
    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass('jobs') AND "
    "attname = 'id'";

/// The statements that let a table of another application serve us too.
std::string extension(const Columns& columns, bool postgres) {
    for (const std::string_view name : kNeeded)
        if (columns.typeOf(name).empty())
            throw std::runtime_error("the table apikey is there already, but has no column " +
                                     columns.expand("{" + std::string(name) + "}") +
                                     ": it is not better-auth's, or of a version that is not known");
    const std::string id = columns.typeOf("id"), time = columns.typeOf("expires_at");
    if (id != "text" && id.rfind("character varying", 0) != 0 && id.rfind("varchar", 0) != 0)
        throw std::runtime_error("the table apikey is there already, but its ids are of type " + id +
                                 ": only text can be shared (better-auth's default)");
    if (!postgres && time.find("int") != std::string::npos)
        throw std::runtime_error("the table apikey is there already, but its times are integers: on SQLite "
                                 "only times as text can be shared (better-auth's Kysely tables)");
    std::string sql;
    for (const Added& added : kAdded)
        if (columns.typeOf(added.column).empty())
            sql += "ALTER TABLE apikey ADD COLUMN " + std::string(postgres ? "IF NOT EXISTS " : "") +
                   columns.expand("{" + std::string(added.column) + "} ") + std::string(added.type) + ";\n";
    return sql;
}

std::string jobIdType(plugin::Database& database) {
    if (database.kind() != plugin::Database::Kind::postgres) return "text";
    std::string type;
    database.read(std::chrono::steady_clock::now() + std::chrono::seconds(10), [&](plugin::Session& session) {
        const plugin::Result rows = session.run(kJobIdType);
        if (rows.empty())
            throw std::runtime_error("there is no table jobs: the daemon's own migrations must run first");
        type = rows.text(0, 0);
    });
    return type;
}

} // namespace

void migrateApiKeys(plugin::Database& database) {
    const bool postgres = database.kind() == plugin::Database::Kind::postgres;
    const Columns columns =
        Columns::detect(database, std::chrono::steady_clock::now() + std::chrono::seconds(10));
    // Once the first migration is recorded its text does not matter any more.
    std::string keys =
        columns.found() ? extension(columns, postgres) : std::string(postgres ? kKeysPostgres : kKeysSqlite);
    keys += columns.expand(kIndexes);
    keys += postgres ? kSpendPostgres : kSpendSqlite;
    constexpr std::string_view placeholder = "JOB_ID_TYPE";
    const std::size_t at = keys.find(placeholder);
    if (at != std::string::npos) keys.replace(at, placeholder.size(), jobIdType(database));
    plugin::migrate(database, "api-key", {{1, "keys", keys}});
}

} // namespace usher::apikey
