#include "storage/PostgresMigrator.h"

#include "domain/Errors.h"

namespace usher {

namespace {

constexpr char kExists[] = "SELECT to_regclass('usher_migrations') IS NOT NULL, "
                           "to_regclass('usher_additive_migrations') IS NOT NULL";
constexpr char kNewest[] =
    "SELECT coalesce(max(version), 0) FROM usher_migrations WHERE component = 'daemon'";
constexpr char kBreaking[] =
    "SELECT coalesce(max(version), 0) FROM usher_migrations m WHERE component = 'daemon' AND NOT EXISTS "
    "(SELECT 1 FROM usher_additive_migrations a WHERE a.component = 'daemon' AND a.version = m.version)";
// Apart from usher_migrations, which plugins and older daemons write with the columns that they know.
constexpr char kTables[] =
    "CREATE TABLE IF NOT EXISTS usher_migrations (component text NOT NULL, version int NOT NULL, name text "
    "NOT NULL, applied_at bigint NOT NULL, PRIMARY KEY (component, version)); "
    "CREATE TABLE IF NOT EXISTS usher_additive_migrations (component text NOT NULL, version int NOT NULL, "
    "PRIMARY KEY (component, version))";
constexpr char kRecordAdditive[] =
    "INSERT INTO usher_additive_migrations (component, version) VALUES ('daemon', $1) ON CONFLICT DO NOTHING";
constexpr char kRecord[] =
    "INSERT INTO usher_migrations (component, version, name, applied_at) VALUES ('daemon', $1, $2, $3)";

SchemaVersion versionOf(PgConnection& connection, Instant deadline) {
    const PgResult exists = connection.run(PgCommand{kExists}, deadline);
    if (!exists.flag(0, 0)) return {};
    const int newest = static_cast<int>(connection.run(PgCommand{kNewest}, deadline).integer(0, 0));
    if (!exists.flag(0, 1)) return {newest, newest};
    return {newest, static_cast<int>(connection.run(PgCommand{kBreaking}, deadline).integer(0, 0))};
}

} // namespace

std::vector<Migrator::Step> PostgresMigrator::pending() {
    std::vector<Step> steps;
    const Instant deadline = storageDeadline();
    _sessions.with(deadline, [&](PgConnection& connection) {
        for (const Migration& step : missingSteps(_steps, versionOf(connection, deadline)))
            steps.push_back({step.version, std::string(step.name)});
    });
    return steps;
}

std::vector<Migrator::Step> PostgresMigrator::apply() {
    const Instant deadline = std::chrono::steady_clock::now() + kPatience;
    std::vector<Step> applied;
    bool done = false;
    while (!done)
        _sessions.with(deadline, [&](PgConnection& connection) {
            connection.script("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
                              "SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock(" +
                                  std::to_string(kAdvisoryLock) + ")",
                              deadline);
            connection.script(kTables, deadline);
            const auto missing = missingSteps(_steps, versionOf(connection, deadline));
            done = missing.empty();
            if (!done) {
                const Migration& step = missing.front();
                const std::string name(step.name);
                try {
                    connection.script(std::string(step.sql), deadline);
                } catch (const PgError& error) {
                    throw std::runtime_error("migration " + std::to_string(step.version) + " " + name +
                                             " of the daemon's tables: " + error.what());
                }
                connection.run(PgCommand{kRecord,
                                         {sqlValue(std::int64_t{step.version}), sqlValue(name),
                                          sqlValue(SystemClock().now())}},
                               deadline);
                if (step.additive)
                    connection.run(PgCommand{kRecordAdditive, {sqlValue(std::int64_t{step.version})}},
                                   deadline);
                connection.script("COMMIT", deadline);
                applied.push_back({step.version, name});
            } else {
                connection.script("COMMIT", deadline);
            }
        });
    return applied;
}

} // namespace usher
