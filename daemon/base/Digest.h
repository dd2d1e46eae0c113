#pragma once

#include <string>
#include <string_view>

namespace usher {

/// The 32 raw bytes of SHA-256 (FIPS 180-4). [any-thread]
std::string sha256(std::string_view bytes);
/// The 32 raw bytes of HMAC-SHA-256 (RFC 2104). [any-thread]
std::string hmacSha256(std::string_view key, std::string_view bytes);
/// In time that depends on the lengths only.
bool equalsConstantTime(std::string_view a, std::string_view b);

} // namespace usher
