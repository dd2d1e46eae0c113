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
CREATE UNIQUE INDEX IF NOT EXISTS apikey_key ON apikey (key);
CREATE UNIQUE INDEX IF NOT EXISTS apikey_job_name ON apikey (job_id, name);
CREATE TABLE IF NOT EXISTS apikey_spend (
    id bigint PRIMARY KEY,
    apikey_id text NOT NULL REFERENCES apikey (id) ON DELETE CASCADE,
    at bigint NOT NULL,
    uses integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS apikey_spend_window ON apikey_spend (apikey_id, at);
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
    job_id text REFERENCES jobs (id) ON DELETE CASCADE,
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
CREATE UNIQUE INDEX IF NOT EXISTS apikey_key ON apikey (key);
CREATE UNIQUE INDEX IF NOT EXISTS apikey_job_name ON apikey (job_id, name);
CREATE TABLE IF NOT EXISTS apikey_spend (
    id integer PRIMARY KEY NOT NULL,
    apikey_id text NOT NULL REFERENCES apikey (id) ON DELETE CASCADE,
    at integer NOT NULL,
    uses integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS apikey_spend_window ON apikey_spend (apikey_id, at);
)sql";

constexpr std::string_view kJobIdType =
    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass('jobs') AND "
    "attname = 'id'";

} // namespace

void migrateApiKeys(plugin::Database& database) {
    std::string keys(kKeysSqlite);
    if (database.kind() == plugin::Database::Kind::postgres) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        std::string type;
        database.read(deadline, [&](plugin::Session& session) {
            const plugin::Result rows = session.run(kJobIdType);
            if (rows.empty())
                throw std::runtime_error(
                    "there is no table jobs: the daemon's own migrations must run first");
            type = rows.text(0, 0);
        });
        keys = kKeysPostgres;
        constexpr std::string_view placeholder = "JOB_ID_TYPE";
        keys.replace(keys.find(placeholder), placeholder.size(), type);
    }
    plugin::migrate(database, "api-key", {{1, "keys", keys}});
}

} // namespace usher::apikey
