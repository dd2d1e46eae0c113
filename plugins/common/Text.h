#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace usher::plugin {

/// A whole decimal integer and nothing else: no space, no leading '+', no overflow.
std::optional<std::int64_t> parseInteger(std::string_view text);
/// Well-formed UTF-8 (RFC 3629: no surrogates, no overlongs, nothing past U+10FFFF).
bool isUtf8(std::string_view text);
/// Number of code points of well-formed UTF-8.
std::size_t codePoints(std::string_view text);
/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);
std::string toLower(std::string_view ascii);
bool equalsIgnoreCase(std::string_view a, std::string_view b);

/// Percent-decoding (RFC 3986 section 2.1); nothing when a % is not followed by two hex digits.
std::optional<std::string> percentDecode(std::string_view text);
/// Leaves A-Z a-z 0-9 - . _ ~ as they are.
std::string percentEncode(std::string_view text);

/// UTC, microseconds since 1970-01-01, by the wall clock.
std::int64_t nowMicros();
/// `2026-01-31T12:00:00.000Z`: milliseconds, UTC.
std::string formatTime(std::int64_t micros);
/// Reads what formatTime() writes, and any RFC 3339 time in UTC ("Z") with 0 to 6 fraction digits.
std::optional<std::int64_t> parseTime(std::string_view text);

/// The lower-case form of any 8-4-4-4-12 UUID; nothing for anything else.
std::optional<std::string> parseUuid(std::string_view text);

} // namespace usher::plugin
