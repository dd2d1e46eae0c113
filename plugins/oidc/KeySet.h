#pragma once

#include "Token.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace usher::oidc {

/// The public keys of an issuer (a JWK set, RFC 7517), for RS256 and ES256 and nothing else. A key is good
/// for the one algorithm that its kind has: so no token can choose how it is checked. Never changed after it
/// was read. [any-thread]
class KeySet {
public:
    /// Keys of other kinds and uses are passed over, also RSA of less than 2048 bits; a kid that stands there
    /// twice is nobody's. Throws std::runtime_error when the text is no JWK set, or has no key for us.
    static std::shared_ptr<const KeySet> read(std::string_view json);

    bool has(const std::string& keyId) const { return find(keyId) != nullptr; }
    /// False: not signed by the key of that kid, or with another algorithm than that key's.
    bool signedBy(const Token& token) const;
    std::size_t size() const { return _keys.size(); }

private:
    struct Key {
        std::string id, algorithm;
        std::size_t signatureBytes;
        std::shared_ptr<void> jwk; ///< shared with nobody: it carries the deleter of the library's type
    };
    const Key* find(const std::string& keyId) const;
    std::vector<Key> _keys;
};

/// RS256 or ES256.
bool isKnownAlgorithm(const std::string& name);

} // namespace usher::oidc
