#include "storage/Database.h"

#include "base/Text.h"
#include "storage/PostgresDatabase.h"
#include "storage/SqliteDatabase.h"
#include "storage/migrations/Migrations.h"

#include <algorithm>
#include <stdexcept>

namespace usher {

std::unique_ptr<Database> Database::open(const DatabaseSettings& settings) {
    const std::string& url = settings.url;
    const int connections = std::clamp(settings.connections, 4, 64);
    constexpr std::string_view sqlite = "sqlite://";
    if (url.starts_with(sqlite)) {
        const std::string path = url.substr(sqlite.size());
        if (path.size() < 2 || path[0] != '/' || path.find('\0') != std::string::npos)
            throw std::invalid_argument(
                "the database URL needs an absolute path: sqlite:///var/lib/usher/usher.db");
        return std::make_unique<SqliteDatabase>(path, connections, sqliteMigrations());
    }
    if (url.starts_with("postgresql://") || url.starts_with("postgres://"))
        return std::make_unique<PostgresDatabase>(PgTarget::parse(url, settings.password), connections,
                                                  postgresMigrations());
    throw std::invalid_argument(
        "the database URL begins with sqlite:// or postgresql://, as in sqlite:///var/lib/usher/usher.db or "
        "postgresql://usher@db.example.org:5432/usher");
}

} // namespace usher
