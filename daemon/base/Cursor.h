#pragma once

#include "base/Clock.h"

#include <optional>
#include <string>

namespace usher {

/// Where a page of a list ended: the sort key of its last row.
struct Cursor {
    Micros at = 0;
    std::string id;
};

/// Opaque to clients: base64url.
std::string toCursor(const Cursor& cursor);
/// Nothing for an empty or a malformed one.
std::optional<Cursor> cursorFrom(const std::string& text);

/// The same for rows whose id is a number.
struct SerialCursor {
    Micros at = 0;
    std::int64_t id = 0;
};
std::string toCursor(const SerialCursor& cursor);
std::optional<SerialCursor> serialCursorFrom(const std::string& text);

} // namespace usher
