#include "common/Database.h"

#include "common/PostgresDatabase.h"
#include "common/SqliteDatabase.h"
#include "common/Text.h"

namespace usher::plugin {

const std::string& Result::text(std::size_t row, std::size_t column) const {
    static const std::string none;
    const Param& value = cell(row, column);
    return value ? *value : none;
}

std::int64_t Result::integer(std::size_t row, std::size_t column) const {
    return maybeInteger(row, column).value_or(0);
}

std::optional<std::int64_t> Result::maybeInteger(std::size_t row, std::size_t column) const {
    const Param& value = cell(row, column);
    if (!value) return std::nullopt;
    const auto number = parseInteger(*value);
    if (!number) throw std::runtime_error("the database answered something that is not an integer");
    return number;
}

bool Result::flag(std::size_t row, std::size_t column, bool whenNull) const {
    const Param& value = cell(row, column);
    if (!value) return whenNull;
    return *value == "t" || *value == "1" || *value == "true";
}

std::unique_ptr<Database> openDatabase(const std::string& url, const std::string& password,
                                       std::size_t connections, Turn turn) {
    constexpr std::string_view sqlite = "sqlite://";
    if (connections == 0) throw std::invalid_argument("a database needs at least one connection");
    if (url.starts_with("sqlite:///"))
        return std::make_unique<SqliteDatabase>(url.substr(sqlite.size()), connections, std::move(turn));
    if (url.starts_with("postgresql://") || url.starts_with("postgres://"))
        return std::make_unique<PostgresDatabase>(url, password, connections);
    throw std::invalid_argument(
        "the database's url is neither sqlite:///path nor postgresql://user@host:port/name");
}

} // namespace usher::plugin
