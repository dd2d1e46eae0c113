#pragma once

#include "session/Cookies.h"

#include "usher/auth.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace usher::session {

/// Which session a request claims to belong to. A cookie's token is never good as Bearer, nor the other way
/// round.
struct Credential {
    enum class Kind { none, cookie, bearer };
    Kind kind = Kind::none;
    std::string storedToken;    ///< as session.token holds it
    bool carriesCookie = false; ///< a Cookie field is there, ours or not
    bool dontRemember = false;  ///< the cookie that says so is there
    bool triedBearer = false;   ///< an Authorization field with a Bearer token is there, ours or not
};

/// Reads it from the request's fields. A Bearer token of ours wins over a cookie: no other site can make a
/// browser send one, so such a request needs no Origin. Two Authorization fields: no credential at all.
Credential readCredential(const auth::Request& request, const Cookies& cookies);

bool isSecure(const auth::Request& request);

/// What an endpoint needs of its request, copied: the host's bytes end with the answer, which may be the
/// host's own when the deadline passes while a password is being hashed.
struct Ask {
    Ask(const auth::HttpRequest& http, const Cookies& cookies);

    std::string requestId, body, contentType, address, userAgent;
    std::string principalId, principalName;
    std::string id; ///< the {id} of the path
    std::optional<std::string> limit, cursor;
    bool fromBrowser = false; ///< an Origin field is there
    bool secure = false;
    Credential credential;
    auth::Deadline deadline;
};

} // namespace usher::session
