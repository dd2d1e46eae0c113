#include "common/Database.h"

#include <algorithm>

namespace usher::plugin {

namespace {

using std::chrono::seconds;

// The daemon's own migrator takes the same lock and writes the same table.
constexpr std::string_view kLockPostgres = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
                                           "SELECT pg_advisory_xact_lock(7311141)";
constexpr std::string_view kTable = "CREATE TABLE IF NOT EXISTS usher_migrations (component text NOT NULL, "
                                    "version int NOT NULL, name text NOT NULL, "
                                    "applied_at bigint NOT NULL, PRIMARY KEY (component, version))";
constexpr std::string_view kNewest =
    "SELECT coalesce(max(version), 0) FROM usher_migrations WHERE component = $1";
constexpr std::string_view kRecord =
    "INSERT INTO usher_migrations (component, version, name, applied_at) VALUES ($1, $2, $3, $4)";

/// Applies the next missing migration; false when there is none.
bool applyNext(Database& database, const std::string& component, const std::vector<Migration>& migrations) {
    bool applied = false;
    database.write(std::chrono::steady_clock::now() + seconds(120), [&](Session& session) {
        if (database.kind() == Database::Kind::postgres) session.script(kLockPostgres);
        session.script(kTable);
        const std::int64_t newest = session.run(kNewest, {component}).integer(0, 0);
        if (newest > (migrations.empty() ? 0 : migrations.back().version))
            throw std::runtime_error("the database's schema of '" + component + "' is version " +
                                     std::to_string(newest) + ", newer than this program knows: upgrade it");
        const auto next = std::find_if(migrations.begin(), migrations.end(), [&](const Migration& migration) {
            return migration.version > newest;
        });
        if (next == migrations.end()) return;
        session.script(next->sql);
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
        session.run(kRecord, {component, std::to_string(next->version), next->name, std::to_string(micros)});
        applied = true;
    });
    return applied;
}

} // namespace

void migrate(Database& database, const std::string& component, const std::vector<Migration>& migrations) {
    while (applyNext(database, component, migrations)) {
    }
}

} // namespace usher::plugin
