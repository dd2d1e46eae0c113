#pragma once

#include "common/Json.h"
#include "session/Ask.h"
#include "session/SessionStore.h"

#include <string>

namespace usher::session {

/// 200 and the like. Nothing that this plugin says may be kept by a cache.
auth::HttpResponse answer(int status, const plugin::Json& body);
/// The one shape of errors: {error, message, code, requestId, details?}.
auth::HttpResponse refuse(const Ask& ask, int status, const std::string& code, const std::string& title,
                          const std::string& message, const plugin::Json& details = {});
auth::HttpResponse storageUnavailable(const Ask& ask);
auth::HttpResponse tooBusy(const Ask& ask);

/// As clients see them. Never a token, never a password's hash.
plugin::Json toJson(const User& user);
plugin::Json toJson(const SignedIn& session);

/// `?limit` (1 to 200, default 100) and `?cursor` (hex of the last key) of a list.
struct Page {
    std::size_t limit = 100;
    std::string after;
    std::string wrong; ///< the field that is not valid; empty: both are
};
Page readPage(const Ask& ask);
std::string cursorOf(const std::string& lastKey);

} // namespace usher::session
