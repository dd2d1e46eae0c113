#include "Token.h"

#include "common/Crypto.h"
#include "common/Text.h"

#include <algorithm>

namespace usher::oidc {

namespace {

using plugin::Json;

constexpr std::size_t kLongest = 16u << 10, kLongestKeyId = 256;

std::optional<Json> readObject(std::string_view part) {
    const auto bytes = plugin::fromBase64Url(part);
    if (!bytes) return std::nullopt;
    auto parsed = plugin::parseJson(*bytes, {.maxBytes = kLongest, .maxDepth = 8, .maxValues = 1000});
    auto* json = std::get_if<Json>(&parsed);
    if (!json || !json->is_object()) return std::nullopt;
    return std::move(*json);
}

std::string textOf(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

} // namespace

bool looksLikeToken(std::string_view text) {
    return std::count(text.begin(), text.end(), '.') == 2 && text.front() != '.';
}

std::optional<Token> readToken(std::string_view compact) {
    if (compact.size() > kLongest || !looksLikeToken(compact)) return std::nullopt;
    const std::size_t first = compact.find('.'), second = compact.rfind('.');
    const auto header = readObject(compact.substr(0, first));
    auto claims = readObject(compact.substr(first + 1, second - first - 1));
    const auto signature = plugin::fromBase64Url(compact.substr(second + 1));
    if (!header || !claims || !signature) return std::nullopt;
    // crit: something that we do not know changes what the token means.
    if (header->contains("crit") || header->contains("b64")) return std::nullopt;
    if (header->contains("typ") && !plugin::equalsIgnoreCase(textOf(*header, "typ"), "jwt"))
        return std::nullopt;
    Token token{std::string(compact),   textOf(*header, "alg"), textOf(*header, "kid"),
                textOf(*claims, "iss"), std::move(*claims),     signature->size()};
    if (token.algorithm.empty() || token.keyId.empty() || token.keyId.size() > kLongestKeyId ||
        token.issuer.empty())
        return std::nullopt;
    return token;
}

} // namespace usher::oidc
