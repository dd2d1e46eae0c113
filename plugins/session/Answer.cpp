#include "session/Answer.h"

#include "common/Crypto.h"
#include "common/Text.h"

namespace usher::session {

namespace {

using plugin::Json;

Json orNull(const std::optional<std::string>& text) {
    return text ? Json(*text) : Json(nullptr);
}

} // namespace

auth::HttpResponse answer(int status, const Json& body) {
    return {status, plugin::toText(body), {}, {{"Cache-Control", "no-store"}}};
}

auth::HttpResponse refuse(const Ask& ask, int status, const std::string& code, const std::string& title,
                          const std::string& message, const Json& details) {
    Json body{{"error", title}, {"message", message}, {"code", code}, {"requestId", ask.requestId}};
    if (!details.is_null() && !details.empty()) body["details"] = details;
    return answer(status, body);
}

auth::HttpResponse storageUnavailable(const Ask& ask) {
    auth::HttpResponse response = refuse(ask, 503, "STORAGE_UNAVAILABLE", "Storage unavailable",
                                         "The database does not answer. Try again in a moment.");
    response.headers.emplace_back("Retry-After", "1");
    return response;
}

auth::HttpResponse tooBusy(const Ask& ask) {
    auth::HttpResponse response = refuse(ask, 503, "SIGN_IN_BUSY", "Too many sign-ins at once",
                                         "Checking a password is costly on purpose. Try again in a moment.");
    response.headers.emplace_back("Retry-After", "2");
    return response;
}

Json toJson(const User& user) {
    return {{"id", user.id},
            {"name", user.name},
            {"email", user.email},
            {"emailVerified", user.emailVerified},
            {"image", orNull(user.image)},
            {"role", std::string(toText(user.role))},
            {"banned", user.banned},
            {"createdAt", plugin::formatTime(user.createdAt)},
            {"updatedAt", plugin::formatTime(user.updatedAt)}};
}

Json toJson(const SignedIn& session) {
    return {{"id", session.sessionId},
            {"userId", session.user.id},
            {"expiresAt", plugin::formatTime(session.expiresAt)},
            {"createdAt", plugin::formatTime(session.createdAt)},
            {"updatedAt", plugin::formatTime(session.updatedAt)},
            {"ipAddress", orNull(session.ipAddress)},
            {"userAgent", orNull(session.userAgent)}};
}

Page readPage(const Ask& ask) {
    Page page;
    if (ask.limit) {
        const auto limit = plugin::parseInteger(*ask.limit);
        if (limit && *limit >= 1 && *limit <= 200)
            page.limit = static_cast<std::size_t>(*limit);
        else
            page.wrong = "limit";
    }
    if (ask.cursor) {
        const std::optional<std::string> after = plugin::fromHex(*ask.cursor);
        if (!after || !plugin::isUtf8(*after) || after->find('\0') != std::string::npos ||
            after->size() > 1024)
            page.wrong = page.wrong.empty() ? "cursor" : page.wrong;
        else
            page.after = *after;
    }
    return page;
}

std::string cursorOf(const std::string& lastKey) {
    return plugin::toHex(lastKey);
}

} // namespace usher::session
