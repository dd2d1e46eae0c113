#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// A whole decimal integer and nothing else: no sign but '-', no space, no leading '+', no overflow.
std::optional<std::int64_t> parseInteger(std::string_view text);
/// Well-formed UTF-8 (RFC 3629: no surrogates, no overlongs, nothing past U+10FFFF).
bool isUtf8(std::string_view text);
/// Number of code points of well-formed UTF-8.
std::size_t codePoints(std::string_view text);
/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);
std::string toLower(std::string_view ascii);
bool equalsIgnoreCase(std::string_view a, std::string_view b);
std::vector<std::string> split(std::string_view text, char separator);
/// For log lines: control characters, DEL, and bytes that are not UTF-8 become \xNN; cut at `limit` bytes.
std::string oneLine(std::string_view text, std::size_t limit = 512);

std::string toHex(std::string_view bytes);
std::optional<std::string> fromHex(std::string_view text);
/// Standard alphabet with padding (RFC 4648 section 4).
std::string toBase64(std::string_view bytes);
std::optional<std::string> fromBase64(std::string_view text);
/// URL alphabet without padding (RFC 4648 section 5).
std::string toBase64Url(std::string_view bytes);

/// Percent-decoding (RFC 3986 section 2.1); nothing when a % is not followed by two hex digits.
std::optional<std::string> percentDecode(std::string_view text);
std::string percentEncode(std::string_view text);

/// A whole file, at most `limit` bytes; nothing when it cannot be read or is larger.
std::optional<std::string> readFile(const std::string& path, std::size_t limit = 16u << 20);

} // namespace usher
