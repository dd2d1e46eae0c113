#include "session/Cookies.h"

#include "common/Crypto.h"
#include "common/Text.h"

#include <algorithm>

namespace usher::session {

namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::size_t kTokenSize = 32;
constexpr std::size_t kSignatureSize = 44; // 32 bytes as base64 with its padding
constexpr std::size_t kMaxValueSize = 4096;

/// Calls `use` with the value of every cookie called `name`.
template <class Use>
void eachCookie(std::string_view header, std::string_view name, Use use) {
    while (!header.empty()) {
        const std::size_t end = std::min(header.find(';'), header.size());
        const std::string_view pair = plugin::trim(header.substr(0, end));
        header.remove_prefix(std::min(end + 1, header.size()));
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) continue;
        if (plugin::trim(pair.substr(0, equals)) == name) use(plugin::trim(pair.substr(equals + 1)));
    }
}

} // namespace

Cookies::Cookies(std::string secret, std::string prefix)
    : _secret(std::move(secret)), _prefix(std::move(prefix)) {}

std::string Cookies::seal(std::string_view token) const {
    const std::string signature = plugin::toBase64(plugin::hmacSha256(_secret, token));
    return plugin::percentEncode(std::string(token) + "." + signature);
}

std::optional<std::string> Cookies::open(std::string_view value) const {
    if (value.size() > kMaxValueSize) return std::nullopt;
    std::string text(value);
    // A raw value holds no '%': neither our tokens nor base64 have one.
    if (text.find('%') != std::string::npos) {
        std::optional<std::string> decoded = plugin::percentDecode(text);
        if (!decoded) return std::nullopt;
        text = std::move(*decoded);
    }
    const std::size_t dot = text.rfind('.');
    if (dot == std::string::npos || dot == 0) return std::nullopt;
    const std::string_view signature = std::string_view(text).substr(dot + 1);
    if (signature.size() != kSignatureSize || signature.back() != '=') return std::nullopt;
    const std::string expected =
        plugin::toBase64(plugin::hmacSha256(_secret, std::string_view(text).substr(0, dot)));
    // Text against text: base64 has several spellings of the same bytes, and only ours is one that we signed.
    if (!plugin::equalsConstantTime(signature, expected)) return std::nullopt;
    return text.substr(0, dot);
}

std::optional<std::string> Cookies::findToken(std::string_view header, bool secure) const {
    std::vector<std::string> names{name("session_token", true)};
    if (!secure) names.insert(names.begin(), name("session_token", false));
    for (const std::string& cookie : names) {
        std::optional<std::string_view> found;
        bool ambiguous = false;
        eachCookie(header, cookie, [&](std::string_view value) {
            ambiguous = ambiguous || (found && *found != value);
            found = value;
        });
        if (!found) continue;
        if (ambiguous) return std::nullopt;
        std::optional<std::string> token = open(*found);
        // A bearer session's stored form must not work as a cookie, even if somebody got it signed.
        if (token && token->compare(0, kBearerPrefix.size(), kBearerPrefix) == 0) return std::nullopt;
        return token;
    }
    return std::nullopt;
}

bool Cookies::dontRemember(std::string_view header) const {
    bool found = false;
    for (bool secure : {false, true})
        eachCookie(header, name("dont_remember", secure),
                   [&](std::string_view value) { found = found || !value.empty(); });
    return found;
}

std::vector<std::string> Cookies::setting(std::string_view token, bool secure, bool remember) const {
    const std::string ending = std::string("; Path=/; HttpOnly; SameSite=Lax") + (secure ? "; Secure" : "");
    const std::string age = remember ? "; Max-Age=" + std::to_string(kSessionSeconds) : std::string();
    std::vector<std::string> cookies{name("session_token", secure) + "=" + seal(token) + age + ending};
    if (!remember) cookies.push_back(name("dont_remember", secure) + "=" + seal("true") + ending);
    return cookies;
}

std::vector<std::string> Cookies::clearing(bool secure) const {
    std::vector<std::string> cookies;
    for (std::string_view cookie : {"session_token", "session_data", "dont_remember"})
        cookies.push_back(name(cookie, secure) + "=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax" +
                          (secure ? "; Secure" : ""));
    return cookies;
}

std::string Cookies::name(std::string_view cookie, bool secure) const {
    return (secure ? "__Secure-" : "") + _prefix + "." + std::string(cookie);
}

std::string createCookieToken() {
    return plugin::randomText(kTokenSize, kAlphabet);
}

std::string createBearerToken() {
    return std::string(kBearerPrefix) + plugin::randomText(kTokenSize, kAlphabet);
}

bool isBearerToken(std::string_view text) {
    if (text.size() != kBearerPrefix.size() + kTokenSize ||
        text.substr(0, kBearerPrefix.size()) != kBearerPrefix)
        return false;
    return text.substr(kBearerPrefix.size()).find_first_not_of(kAlphabet) == std::string_view::npos;
}

std::string storedBearer(std::string_view token) {
    return std::string(kBearerPrefix) + plugin::toBase64Url(plugin::sha256(token));
}

} // namespace usher::session
