#include "Credential.h"

#include "common/Text.h"

#include <algorithm>

namespace usher::apikey {

namespace {

using plugin::trim;

/// The token after `Bearer`, empty for any other scheme: that is somebody else's credential.
std::string_view bearerToken(std::string_view field) {
    field = trim(field);
    const std::size_t space = field.find_first_of(" \t");
    if (space == std::string_view::npos || !plugin::equalsIgnoreCase(field.substr(0, space), "bearer"))
        return {};
    return trim(field.substr(space));
}

bool printable(char c) {
    return c >= 0x20 && c < 0x7F;
}

} // namespace

Credential credentialOf(const auth::Request& request) {
    using Kind = Credential::Kind;
    constexpr std::size_t shortest = 10;
    const auth::Header authorization = request.header("Authorization");
    const auth::Header apiKey = request.header("X-Api-Key");
    if (authorization.repeated() || apiKey.repeated()) return {Kind::conflict, {}};
    const std::string_view bearer = bearerToken(*authorization), field = trim(*apiKey);
    if (!bearer.empty() && !field.empty() && bearer != field) return {Kind::conflict, {}};
    const std::string_view key = field.empty() ? bearer : field;
    if (key.empty()) return {};
    if (field.empty() && key.starts_with("ushs_")) return {}; // the session plugin's
    if (key.size() < shortest || !std::all_of(key.begin(), key.end(), printable))
        return {Kind::malformed, key};
    return {Kind::key, key};
}

} // namespace usher::apikey
