#include "base/Cursor.h"

#include "base/Text.h"
#include "base/Uuid.h"

namespace usher {

std::string toCursor(const Cursor& cursor) {
    return toBase64Url(std::to_string(cursor.at) + "/" + cursor.id);
}

std::optional<Cursor> cursorFrom(const std::string& text) {
    std::string standard = text;
    for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (standard.size() % 4) standard += '=';
    const auto plain = fromBase64(standard);
    if (!plain) return std::nullopt;
    const std::size_t slash = plain->find('/');
    if (slash == std::string::npos) return std::nullopt;
    const auto at = parseInteger(std::string_view(*plain).substr(0, slash));
    const auto id = parseUuid(std::string_view(*plain).substr(slash + 1));
    if (!at || !id) return std::nullopt;
    return Cursor{*at, *id};
}

} // namespace usher
