#pragma once

#include "common/Json.h"

#include <optional>
#include <string>
#include <string_view>

namespace usher::oidc {

/// A signed token in compact form, taken apart and not yet believed.
struct Token {
    std::string compact; ///< as it came: what is signed, and the signature
    std::string algorithm, keyId, issuer;
    plugin::Json claims;
    std::size_t signatureBytes = 0;
};

/// Three parts with dots between: what the tokens of CI systems look like, and no key or session of ours.
bool looksLikeToken(std::string_view text);

/// Strict: base64url without padding or left-over bits, JSON objects without duplicate names, at most 16 KiB,
/// alg, kid and iss as texts, typ JWT if there is one, no crit. Nothing: it is none of that.
std::optional<Token> readToken(std::string_view compact);

} // namespace usher::oidc
