#include "base/Cursor.h"

#include "base/Text.h"
#include "base/Uuid.h"

namespace usher {

namespace {

/// What stands before and after the slash.
std::optional<std::pair<std::string, std::string>> partsOf(const std::string& text) {
    std::string standard = text;
    for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (standard.size() % 4) standard += '=';
    const auto plain = fromBase64(standard);
    if (!plain) return std::nullopt;
    const std::size_t slash = plain->find('/');
    if (slash == std::string::npos) return std::nullopt;
    return std::pair(plain->substr(0, slash), plain->substr(slash + 1));
}

} // namespace

std::string toCursor(const Cursor& cursor) {
    return toBase64Url(std::to_string(cursor.at) + "/" + cursor.id);
}

std::optional<Cursor> cursorFrom(const std::string& text) {
    const auto parts = partsOf(text);
    if (!parts) return std::nullopt;
    const auto at = parseInteger(parts->first);
    const auto id = parseUuid(parts->second);
    if (!at || !id) return std::nullopt;
    return Cursor{*at, *id};
}

std::string toCursor(const SerialCursor& cursor) {
    return toBase64Url(std::to_string(cursor.at) + "/" + std::to_string(cursor.id));
}

std::optional<SerialCursor> serialCursorFrom(const std::string& text) {
    const auto parts = partsOf(text);
    if (!parts) return std::nullopt;
    const auto at = parseInteger(parts->first), id = parseInteger(parts->second);
    if (!at || !id) return std::nullopt;
    return SerialCursor{*at, *id};
}

} // namespace usher
