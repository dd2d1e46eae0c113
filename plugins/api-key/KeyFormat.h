#pragma once

#include <string>
#include <string_view>

namespace usher::apikey {

/// `job_` + 54 random letters and digits + 6 that check the rest: 64 characters. Wipe it after use.
std::string createKey();
/// The last six characters of a key: base62 of the CRC-32 (IEEE 802.3) of what stands before, left-padded
/// with '0'. A secret scanner tells a real key from noise with it, offline.
std::string checksum(std::string_view rest);
/// What the database holds of a new key: base64url of SHA-256, 43 characters.
std::string storedForm(std::string_view key);
/// The first characters of a key: the only part that is ever shown or logged again.
std::string startOf(std::string_view key);
/// What the database holds of a key today, or held before: 43 base64url characters; 64 lower-case hex digits.
bool isStoredForm(std::string_view text);
bool isHexForm(std::string_view text);
/// 43 base64url or 64 hex characters: what a stolen database would hold. Never looked up in the clear.
bool looksLikeHash(std::string_view text);

} // namespace usher::apikey
