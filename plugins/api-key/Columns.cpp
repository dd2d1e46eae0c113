#include "Columns.h"

namespace usher::apikey {

namespace {

constexpr std::string_view kProbePostgres =
    "SELECT attname, lower(format_type(atttypid, atttypmod)) FROM pg_attribute "
    "WHERE attrelid = to_regclass('apikey') AND attnum > 0 AND NOT attisdropped";
constexpr std::string_view kProbeSqlite = "SELECT name, lower(type) FROM pragma_table_info('apikey')";

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
        const plugin::Result rows = session.run(postgres ? kProbePostgres : kProbeSqlite);
        columns._types.clear();
        for (std::size_t i = 0; i < rows.size(); ++i)
            columns._types.emplace(rows.text(i, 0), rows.text(i, 1));
    });
    auto has = [&](std::string_view name) { return columns._types.find(name) != columns._types.end(); };
    columns._camelCase = has("rateLimitEnabled");
    columns._ownedByUserId =
        columns._camelCase ? !has("referenceId") && has("userId") : !has("reference_id") && has("user_id");
    return columns;
}

std::string Columns::nameOf(std::string_view snakeName) const {
    const std::string_view name = _ownedByUserId && snakeName == "reference_id" ? "user_id" : snakeName;
    return _camelCase ? camelCase(name) : std::string(name);
}

std::string Columns::typeOf(std::string_view snakeName) const {
    const auto at = _types.find(nameOf(snakeName));
    return at == _types.end() ? std::string() : at->second;
}

std::string Columns::expand(std::string_view sql) const {
    std::string out;
    out.reserve(sql.size() + 64);
    for (std::size_t at = 0; at < sql.size();) {
        const std::size_t open = sql.find('{', at);
        out += sql.substr(at, open - at);
        if (open == std::string_view::npos) break;
        const std::size_t close = sql.find('}', open);
        out.append("\"").append(nameOf(sql.substr(open + 1, close - open - 1))).append("\"");
        at = close + 1;
    }
    return out;
}

} // namespace usher::apikey
