#include "http/Reply.h"

namespace usher {

Reply Reply::json(int status, const Json& body) {
    Reply reply;
    reply.status = status;
    reply.with("Content-Type", "application/json");
    reply.body = toText(body);
    return reply;
}

Reply Reply::text(int status, std::string body) {
    Reply reply;
    reply.status = status;
    reply.with("Content-Type", "text/plain; charset=utf-8");
    reply.body = std::move(body);
    return reply;
}

Reply Reply::error(int status, const std::string& title, const std::string& message, const std::string& code,
                   const std::string& requestId, const std::optional<Json>& details) {
    Json body{{"error", title}, {"message", message}, {"code", code}, {"requestId", requestId}};
    if (details) body["details"] = *details;
    return json(status, body);
}

} // namespace usher
