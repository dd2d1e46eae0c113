#include "session/Dialect.h"

#include <stdexcept>

namespace usher::session {

namespace {

std::string camelCase(std::string_view snake) {
    std::string out;
    bool upper = false;
    for (char c : snake) {
        if (c == '_') {
            upper = true;
            continue;
        }
        out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        upper = false;
    }
    return out;
}

} // namespace

std::string Dialect::sql(std::string_view statement) const {
    std::string out;
    while (!statement.empty()) {
        const std::size_t open = statement.find('{');
        out += statement.substr(0, open);
        if (open == std::string_view::npos) break;
        const std::size_t close = statement.find('}', open);
        if (close == std::string_view::npos) throw std::logic_error("a brace is not closed in: " + out);
        const std::string_view inside = statement.substr(open + 1, close - open - 1);
        const std::size_t space = inside.find(' ');
        out += space == std::string_view::npos ? expand(inside, {})
                                               : expand(inside.substr(0, space), inside.substr(space + 1));
        statement.remove_prefix(close + 1);
    }
    return out;
}

std::string Dialect::column(std::string_view snakeName) const {
    return '"' + (_naming == Naming::camel ? camelCase(snakeName) : std::string(snakeName)) + '"';
}

std::string Dialect::reference(std::string_view name) const {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return column(name);
    return std::string(name.substr(0, dot + 1)) + column(name.substr(dot + 1));
}

std::string Dialect::micros(std::string_view expression) const {
    const std::string x(expression);
    if (_kind == plugin::Database::Kind::postgres) return "(extract(epoch from " + x + ") * 1000000)::bigint";
    // Times are ISO 8601 text there; what strftime cannot read becomes NULL, and NULL is never valid.
    return "(CAST(strftime('%s', " + x + ") AS INTEGER) * 1000000 + CAST(substr(strftime('%f', " + x +
           "), 4) AS INTEGER) * 1000)";
}

std::string Dialect::expand(std::string_view word, std::string_view argument) const {
    const bool postgres = _kind == plugin::Database::Kind::postgres;
    const std::string text(argument);
    if (word == "user" || word == "session" || word == "account") return '"' + std::string(word) + '"';
    if (word == "true") return postgres ? "true" : "1";
    if (word == "false") return postgres ? "false" : "0";
    if (word == "now") return postgres ? "now()" : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
    if (word == "nowmicros") return micros(postgres ? "clock_timestamp()" : "'now'");
    if (word == "in")
        return postgres ? "(now() + make_interval(secs => " + text + "))"
                        : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', " + text + " || ' seconds')";
    if (word == "micros") return micros(reference(argument));
    if (word == "flag")
        return postgres ? "COALESCE(" + reference(argument) + ", false)"
                        : "(COALESCE(" + reference(argument) + ", 0) NOT IN (0, '0', 'false', ''))";
    if (word == "bool") return postgres ? "(" + text + ")::boolean" : "CAST(" + text + " AS INTEGER)";
    if (word == "lock") return postgres ? " FOR UPDATE OF " + text : "";
    if (word == "share") return postgres ? " FOR SHARE OF " + text : "";
    return reference(word);
}

} // namespace usher::session
