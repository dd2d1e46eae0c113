#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace usher::plugin {

/// The 32 raw bytes of SHA-256 (FIPS 180-4). Throws std::runtime_error when OpenSSL cannot. [any-thread]
std::string sha256(std::string_view bytes);
/// The 32 raw bytes of HMAC-SHA-256 (RFC 2104). [any-thread]
std::string hmacSha256(std::string_view key, std::string_view bytes);

std::string toHex(std::string_view bytes);
std::optional<std::string> fromHex(std::string_view text);
/// Standard alphabet with padding (RFC 4648 section 4).
std::string toBase64(std::string_view bytes);
/// Strict: padding must be there, left-over bits must be zero.
std::optional<std::string> fromBase64(std::string_view text);
/// URL alphabet without padding (RFC 4648 section 5).
std::string toBase64Url(std::string_view bytes);
/// Strict: no padding, left-over bits must be zero.
std::optional<std::string> fromBase64Url(std::string_view text);

/// Bytes from the kernel's generator; throws std::system_error when there are none. [any-thread]
std::string randomBytes(std::size_t count);
/// `count` characters, each equally likely, of `alphabet` (2 to 256 characters). [any-thread]
std::string randomText(std::size_t count, std::string_view alphabet);

/// In time that depends on the lengths only.
bool equalsConstantTime(std::string_view a, std::string_view b);
/// Overwrites a secret and empties the string; the compiler cannot leave it out.
void wipe(std::string& secret);

} // namespace usher::plugin
