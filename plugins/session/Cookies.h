#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher::session {

constexpr long kSessionSeconds = 7 * 24 * 3600;
constexpr long kExtendAfterSeconds = 24 * 3600; ///< a session is extended when its last extension is older
constexpr std::string_view kBearerPrefix = "ushs_";

/// better-auth's session cookie, byte for byte. Immutable. [any-thread]
///
/// Name: PREFIX.session_token, with `__Secure-` in front over https. Value: percent-encoded
/// `token + "." + base64(HMAC-SHA256(secret, token))`.
class Cookies {
public:
    /// `prefix` without the dot: "better-auth".
    Cookies(std::string secret, std::string prefix);

    /// What the cookie holds for `token`, percent-encoded.
    std::string seal(std::string_view token) const;
    /// The token of a cookie's value, percent-encoded or not; nothing for a value that we did not sign.
    std::optional<std::string> open(std::string_view value) const;

    /// The token that `header` (a whole Cookie field, several joined by "; ") carries. Over https only the
    /// `__Secure-` cookie counts, so that nobody on a plain-http sibling can plant one. Two different values:
    /// nothing.
    std::optional<std::string> findToken(std::string_view header, bool secure) const;
    /// The user asked not to be remembered: this session is not extended.
    bool dontRemember(std::string_view header) const;

    /// Values of Set-Cookie. Without `remember` they end with the browser, and the second one says so.
    std::vector<std::string> setting(std::string_view token, bool secure, bool remember) const;
    std::vector<std::string> clearing(bool secure) const;

private:
    std::string name(std::string_view cookie, bool secure) const;

    const std::string _secret, _prefix;
};

/// A new token of a cookie session: 32 characters of [0-9A-Za-z], stored as it is.
std::string createCookieToken();
/// A new token for `usherctl`: `ushs_` + 32 characters. Stored is storedBearer() of it, so that a read of the
/// database is not a login.
std::string createBearerToken();
/// Exactly the form of createBearerToken().
bool isBearerToken(std::string_view text);
/// `ushs_` + base64url(SHA-256(token)).
std::string storedBearer(std::string_view token);

} // namespace usher::session
