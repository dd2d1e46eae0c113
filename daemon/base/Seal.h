#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace usher {

/// AES-256-GCM (NIST SP 800-38D) under a 32-byte key: a fresh random 12-byte nonce, the ciphertext, a 16-byte
/// tag. `context` is authenticated and not kept: who opens must say the same. Throws std::runtime_error when
/// the key has another length. [any-thread]
std::string seal(std::string_view key, std::string_view plain, std::string_view context);
/// Nothing when it was sealed under another key or context, or changed since.
std::optional<std::string> unseal(std::string_view key, std::string_view sealed, std::string_view context);

} // namespace usher
