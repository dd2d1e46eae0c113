#include "storage/Database.h"

#include "base/Text.h"
#include "storage/PostgresDatabase.h"
#include "storage/SqliteDatabase.h"
#include "storage/migrations/Migrations.h"

#include <algorithm>
#include <stdexcept>
#include <variant>

namespace usher {

namespace {

/// The file of a sqlite URL, or the server of the other kind; throws std::invalid_argument.
std::variant<std::string, PgTarget> parseUrl(const std::string& url, const std::string& password) {
    constexpr std::string_view sqlite = "sqlite://";
    if (url.starts_with(sqlite)) {
        std::string path = url.substr(sqlite.size());
        if (path.size() < 2 || path[0] != '/' || path.find('\0') != std::string::npos)
            throw std::invalid_argument(
                "the database URL needs an absolute path: sqlite:///var/lib/usher/usher.db");
        return path;
    }
    if (url.starts_with("postgresql://") || url.starts_with("postgres://"))
        return PgTarget::parse(url, password);
    throw std::invalid_argument(
        "the database URL begins with sqlite:// or postgresql://, as in sqlite:///var/lib/usher/usher.db or "
        "postgresql://usher@db.example.org:5432/usher");
}

} // namespace

std::unique_ptr<Database> Database::open(const DatabaseSettings& settings) {
    const int connections = std::clamp(settings.connections, 4, 64);
    const auto target = parseUrl(settings.url, settings.password);
    if (const auto* file = std::get_if<std::string>(&target))
        return std::make_unique<SqliteDatabase>(*file, connections, sqliteMigrations());
    return std::make_unique<PostgresDatabase>(std::get<PgTarget>(target), connections, postgresMigrations());
}

std::string Database::whyNotUrl(const std::string& url) {
    try {
        parseUrl(url, {});
        return {};
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

} // namespace usher
