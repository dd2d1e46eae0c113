#include "storage/SqliteMigrator.h"

#include "domain/Errors.h"

#include <unistd.h>

namespace usher {

namespace {

bool hasTable(SqliteConnection& connection, const std::string& name) {
    return connection.statement("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
        .with(name)
        .step();
}

int newestOf(SqliteConnection& connection, const char* sql) {
    SqliteStatement row = connection.statement(sql);
    row.step();
    return static_cast<int>(row.integer(0));
}

SchemaVersion versionOf(SqliteConnection& connection) {
    if (!hasTable(connection, "usher_migrations")) return {};
    const int newest = newestOf(
        connection, "SELECT coalesce(max(version), 0) FROM usher_migrations WHERE component = 'daemon'");
    if (!hasTable(connection, "usher_additive_migrations")) return {newest, newest};
    return {newest,
            newestOf(connection,
                     "SELECT coalesce(max(version), 0) FROM usher_migrations WHERE component = 'daemon' AND "
                     "version NOT IN (SELECT version FROM usher_additive_migrations WHERE component = "
                     "'daemon')")};
}

} // namespace

std::vector<Migrator::Step> SqliteMigrator::pending() {
    SchemaVersion version;
    if (::access(_path.c_str(), F_OK) == 0) {
        SqliteConnection connection(_path);
        version = versionOf(connection);
    }
    std::vector<Step> steps;
    for (const Migration& step : missingSteps(_steps, version))
        steps.push_back({step.version, std::string(step.name)});
    return steps;
}

std::vector<Migrator::Step> SqliteMigrator::apply() {
    const Instant deadline = std::chrono::steady_clock::now() + kPatience;
    SqliteConnection connection(_path);
    std::vector<Step> applied;
    while (true) {
        if (!_turn.acquire(deadline))
            throw StorageUnavailable("SQLite: other writers took all the time there was");
        struct Turn {
            SqliteTurn& turn;
            ~Turn() { turn.release(); }
        } turn{_turn};
        connection.setDeadline(deadline);
        connection.script("BEGIN EXCLUSIVE");
        std::string name = "usher_migrations";
        try {
            connection.script(
                "CREATE TABLE IF NOT EXISTS usher_migrations (component text NOT NULL, version int NOT "
                "NULL, name text NOT NULL, applied_at bigint NOT NULL, PRIMARY KEY (component, version)); "
                "CREATE TABLE IF NOT EXISTS usher_additive_migrations (component text NOT NULL, version int "
                "NOT NULL, PRIMARY KEY (component, version))");
            const auto missing = missingSteps(_steps, versionOf(connection));
            if (missing.empty()) {
                connection.script("COMMIT");
                return applied;
            }
            const Migration& step = missing.front();
            name = std::to_string(step.version) + " " + std::string(step.name);
            connection.script(std::string(step.sql));
            connection
                .statement("INSERT INTO usher_migrations (component, version, name, applied_at) "
                           "VALUES ('daemon', ?, ?, ?)")
                .with(step.version, step.name, SystemClock().now())
                .run();
            if (step.additive)
                connection
                    .statement("INSERT INTO usher_additive_migrations (component, version) VALUES ('daemon', "
                               "?) ON CONFLICT DO NOTHING")
                    .with(step.version)
                    .run();
            connection.script("COMMIT");
            applied.push_back({step.version, std::string(step.name)});
        } catch (const std::exception& error) {
            sqlite3_exec(connection.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
            if (dynamic_cast<const SchemaTooNew*>(&error) || dynamic_cast<const StorageUnavailable*>(&error))
                throw;
            throw std::runtime_error("migration " + name + " of the daemon's tables: " + error.what());
        }
    }
}

} // namespace usher
