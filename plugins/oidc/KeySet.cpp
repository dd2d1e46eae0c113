// The only file that knows the JOSE library. What it is handed is what was looked at before: the algorithm is
// one of two, and the key is of the kind that this algorithm has.
#include "KeySet.h"

#include <cjose/cjose.h>

#include <algorithm>
#include <stdexcept>

namespace usher::oidc {

namespace {

using plugin::Json;

constexpr std::size_t kMaxKeys = 64, kLeastRsaBits = 2048;

std::string textOf(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What a key of this kind signs with; empty: nothing that we take.
std::string algorithmOf(const Json& key) {
    const std::string kind = textOf(key, "kty");
    const std::string natural = kind == "RSA"                                   ? "RS256"
                                : kind == "EC" && textOf(key, "crv") == "P-256" ? "ES256"
                                                                                : "";
    if (key.contains("alg") && textOf(key, "alg") != natural) return "";
    if (key.contains("use") && textOf(key, "use") != "sig") return "";
    if (const auto uses = key.find("key_ops"); uses != key.end())
        if (!uses->is_array() || std::find(uses->begin(), uses->end(), "verify") == uses->end()) return "";
    return natural;
}

/// The public members alone, whatever else the set holds.
std::shared_ptr<void> import(const Json& key) {
    Json bare = Json::object();
    for (const char* name : {"kty", "n", "e", "crv", "x", "y", "kid"})
        if (key.contains(name)) bare[name] = key[name];
    const std::string text = plugin::toText(bare);
    cjose_err error;
    cjose_jwk_t* jwk = cjose_jwk_import(text.data(), text.size(), &error);
    if (!jwk) return nullptr;
    std::shared_ptr<void> owned(jwk, [](void* raw) { cjose_jwk_release(static_cast<cjose_jwk_t*>(raw)); });
    if (textOf(key, "kty") == "RSA" && cjose_jwk_get_keysize(jwk, &error) < kLeastRsaBits) return nullptr;
    return owned;
}

/// ES256: two numbers of 32 bytes. RS256: as long as the modulus.
std::size_t signatureBytesOf(const std::string& algorithm, const std::shared_ptr<void>& jwk) {
    cjose_err error;
    const std::size_t bits = cjose_jwk_get_keysize(static_cast<cjose_jwk_t*>(jwk.get()), &error);
    return algorithm == "ES256" ? 64 : (bits + 7) / 8;
}

} // namespace

bool isKnownAlgorithm(const std::string& name) {
    return name == "RS256" || name == "ES256";
}

std::shared_ptr<const KeySet> KeySet::read(std::string_view text) {
    auto parsed = plugin::parseJson(text, {.maxBytes = 256u << 10, .maxDepth = 8, .maxValues = 5000});
    if (const auto* error = std::get_if<plugin::JsonError>(&parsed))
        throw std::runtime_error("the key set is " + error->message);
    const Json& json = std::get<Json>(parsed);
    const auto keys = json.is_object() ? json.find("keys") : json.end();
    if (!json.is_object() || keys == json.end() || !keys->is_array() || keys->size() > kMaxKeys)
        throw std::runtime_error("it answers with no key set");
    auto set = std::make_shared<KeySet>();
    std::vector<std::string> seen, twice;
    for (const Json& key : *keys) {
        if (!key.is_object()) continue;
        const std::string id = textOf(key, "kid");
        if (id.empty()) continue;
        if (std::find(seen.begin(), seen.end(), id) != seen.end()) twice.push_back(id);
        seen.push_back(id);
        const std::string algorithm = algorithmOf(key);
        if (algorithm.empty()) continue;
        if (auto jwk = import(key)) {
            const std::size_t bytes = signatureBytesOf(algorithm, jwk);
            set->_keys.push_back({id, algorithm, bytes, std::move(jwk)});
        }
    }
    const auto ambiguous = [&](const Key& key) {
        return std::find(twice.begin(), twice.end(), key.id) != twice.end();
    };
    set->_keys.erase(std::remove_if(set->_keys.begin(), set->_keys.end(), ambiguous), set->_keys.end());
    if (set->_keys.empty()) throw std::runtime_error("its key set has no key for RS256 or ES256");
    return set;
}

const KeySet::Key* KeySet::find(const std::string& keyId) const {
    const auto found =
        std::find_if(_keys.begin(), _keys.end(), [&](const Key& key) { return key.id == keyId; });
    return found == _keys.end() ? nullptr : &*found;
}

bool KeySet::signedBy(const Token& token) const {
    const Key* key = find(token.keyId);
    if (!key || key->algorithm != token.algorithm) return false;
    // The library passes over a byte that is too many.
    if (token.signatureBytes != key->signatureBytes) return false;
    cjose_err error;
    const std::unique_ptr<cjose_jws_t, void (*)(cjose_jws_t*)> jws(
        cjose_jws_import(token.compact.data(), token.compact.size(), &error), cjose_jws_release);
    return jws && cjose_jws_verify(jws.get(), static_cast<const cjose_jwk_t*>(key->jwk.get()), &error);
}

} // namespace usher::oidc
