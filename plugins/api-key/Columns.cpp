#include "Columns.h"

namespace usher::apikey {

namespace {

constexpr std::string_view kProbePostgres =
    "SELECT 1 FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) AND "
    "table_name = 'apikey' AND column_name = 'rateLimitEnabled'";
constexpr std::string_view kProbeSqlite =
    "SELECT 1 FROM pragma_table_info('apikey') WHERE name = 'rateLimitEnabled'";

std::string camelCase(std::string_view name) {
    std::string out;
    bool upper = false;
    for (const char c : name) {
        if (c != '_') out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        upper = c == '_';
    }
    return out;
}

} // namespace

Columns Columns::detect(plugin::Database& database, plugin::Deadline deadline) {
    Columns columns;
    const bool postgres = database.kind() == plugin::Database::Kind::postgres;
    database.read(deadline, [&](plugin::Session& session) {
        columns._camelCase = !session.run(postgres ? kProbePostgres : kProbeSqlite).empty();
    });
    return columns;
}

std::string Columns::expand(std::string_view sql) const {
    std::string out;
    out.reserve(sql.size() + 64);
    for (std::size_t at = 0; at < sql.size();) {
        const std::size_t open = sql.find('{', at);
        out += sql.substr(at, open - at);
        if (open == std::string_view::npos) break;
        const std::size_t close = sql.find('}', open);
        const std::string_view name = sql.substr(open + 1, close - open - 1);
        out.append("\"").append(_camelCase ? camelCase(name) : name).append("\"");
        at = close + 1;
    }
    return out;
}

} // namespace usher::apikey
