#include "storage/PostgresMigrator.h"

#include "domain/Errors.h"

namespace usher {

namespace {

constexpr char kExists[] = "SELECT to_regclass('usher_migrations') IS NOT NULL";
constexpr char kNewest[] =
    "SELECT coalesce(max(version), 0) FROM usher_migrations WHERE component = 'daemon'";
constexpr char kRecord[] =
    "INSERT INTO usher_migrations (component, version, name, applied_at) VALUES ('daemon', $1, $2, $3)";

int versionOf(PgConnection& connection, Instant deadline) {
    if (!connection.run(PgCommand{kExists}, deadline).flag(0, 0)) return 0;
    return static_cast<int>(connection.run(PgCommand{kNewest}, deadline).integer(0, 0));
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
    const Instant deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    std::vector<Step> applied;
    bool done = false;
    while (!done)
        _sessions.with(deadline, [&](PgConnection& connection) {
            connection.script("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
                              "SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock(" +
                                  std::to_string(kAdvisoryLock) + ")",
                              deadline);
            connection.script(
                "CREATE TABLE IF NOT EXISTS usher_migrations (component text NOT NULL, version int NOT "
                "NULL, name text NOT NULL, applied_at bigint NOT NULL, PRIMARY KEY (component, version))",
                deadline);
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
                connection.script("COMMIT", deadline);
                applied.push_back({step.version, name});
            } else {
                connection.script("COMMIT", deadline);
            }
        });
    return applied;
}

} // namespace usher
