#include "session/Ask.h"

#include "common/Text.h"

#include <chrono>

namespace usher::session {

namespace {

constexpr std::size_t kMaxUserAgent = 512, kMaxAddress = 64;
/// What is left for the way of the answer back to the client.
constexpr std::chrono::milliseconds kReserve{50};

/// All Cookie fields as one: HTTP/2 may bring them apart, and so do some proxies.
std::string joinedCookies(const auth::Request& request, bool& any) {
    std::string joined;
    const usher_request* raw = request.raw();
    for (std::size_t i = 0; i < raw->header_count; ++i) {
        if (!auth::sameName(auth::view(raw->headers[i].name), "cookie")) continue;
        any = true;
        if (!joined.empty()) joined += "; ";
        joined += auth::view(raw->headers[i].value);
    }
    return joined;
}

std::string text(std::optional<std::string_view> value) {
    return std::string(value.value_or(std::string_view()));
}

/// A text that every database takes: UTF-8 without control characters, not too long.
std::string storable(std::string_view value, std::size_t limit) {
    std::string out;
    for (char c : value.substr(0, limit))
        if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f) out += c;
    return out;
}

} // namespace

bool isSecure(const auth::Request& request) {
    return request.secure() || request.attribute("secure").value_or("") == "1";
}

Credential readCredential(const auth::Request& request, const Cookies& cookies) {
    Credential credential;
    const std::string header = joinedCookies(request, credential.carriesCookie);
    const auth::Header authorization = request.header("Authorization");
    if (authorization.repeated()) {
        credential.triedBearer = true;
        return credential;
    }
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view value = *authorization;
    if (value.size() > kScheme.size() && auth::sameName(value.substr(0, kScheme.size()), kScheme)) {
        credential.triedBearer = true;
        const std::string_view token = plugin::trim(value.substr(kScheme.size()));
        if (isBearerToken(token)) {
            credential.kind = Credential::Kind::bearer;
            credential.storedToken = storedBearer(token);
            return credential;
        }
    }
    credential.dontRemember = cookies.dontRemember(header);
    if (std::optional<std::string> token = cookies.findToken(header, isSecure(request))) {
        credential.kind = Credential::Kind::cookie;
        credential.storedToken = std::move(*token);
    }
    return credential;
}

Ask::Ask(const auth::HttpRequest& http, const Cookies& cookies) {
    const auth::Request request = http.request();
    requestId = request.id();
    body = request.body();
    contentType = *request.header("Content-Type");
    address = storable(request.clientAddress(), kMaxAddress);
    userAgent = storable(*request.header("User-Agent"), kMaxUserAgent);
    principalId = http.principalId();
    principalName = http.principalName();
    id = http.param("id");
    if (http.query("limit")) limit = text(http.query("limit"));
    if (http.query("cursor")) cursor = text(http.query("cursor"));
    fromBrowser = !request.header("Origin").absent();
    secure = isSecure(request);
    credential = readCredential(request, cookies);
    deadline = request.deadline() - kReserve;
}

} // namespace usher::session
