#pragma once

#include "common/Json.h"

#include <memory>
#include <string>

struct evp_pkey_st;

namespace usher::test {

/// A key pair of an issuer, made anew by OpenSSL. One thread.
class Signer {
public:
    enum class Kind { rsa, rsa1024, p256, p384 };
    Signer(std::string kid, Kind kind);

    /// The public key as the issuer shows it.
    plugin::Json jwk() const;
    /// What this key's algorithm makes of it: RS256, ES256, ES384.
    std::string sign(const std::string& text) const;
    /// A signed token whose header says what this key is, but for `header`; a null takes a field away.
    std::string token(const plugin::Json& claims, const plugin::Json& header = plugin::Json::object()) const;

    const std::string kid, algorithm;

private:
    std::shared_ptr<evp_pkey_st> _key;
};

/// Header and claims as they are, signed by HMAC-SHA256.
std::string hs256(const std::string& secret, const plugin::Json& header, const plugin::Json& claims);

} // namespace usher::test
