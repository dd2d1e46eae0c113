#include "base/Text.h"
#include "http/RunJson.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

Json orNull(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json toJson(const AuditEntry& entry) {
    return {{"id", std::to_string(entry.id)},
            {"at", formatTime(entry.at)},
            {"actor", entry.actor},
            {"action", entry.action},
            {"resource", orNull(entry.resource)},
            {"decision", entry.decision},
            {"code", orNull(entry.code)},
            {"address", orNull(entry.address)},
            {"requestId", orNull(entry.requestId)},
            {"detail", orNull(entry.detail)}};
}

/// False when it was refused.
bool readTime(Context& context, const char* name, std::optional<Micros>& time) {
    auto text = context.queryValue(name);
    if (!text) return true;
    time = parseTime(*text);
    if (!time) context.refuse(badRequest(name, "must be a time in UTC like 2026-01-31T12:00:00.000Z"));
    return time.has_value();
}

bool readName(Context& context, const char* name, std::optional<std::string>& value) {
    value = context.queryValue(name);
    if (!value) return true;
    const bool good =
        !value->empty() && value->size() <= 256 && isUtf8(*value) && value->find('\0') == std::string::npos;
    if (!good) context.refuse(badRequest(name, "must be 1 to 256 characters"));
    return good;
}

void list(Services& services, Context& context) {
    auto page = pageOf(context, true);
    if (!page) return;
    AuditFilter filter;
    filter.page = *page;
    if (!readTime(context, "since", filter.since) || !readTime(context, "until", filter.until) ||
        !readName(context, "actor", filter.actor) || !readName(context, "action", filter.action))
        return;
    // Who looks after a change of his own finds it.
    services.audit.settle(std::chrono::milliseconds(500));
    auto entries = services.nodes.listAudit(filter);
    Json list = Json::array();
    for (const AuditEntry& entry : entries.items) list.push_back(toJson(entry));
    context.reply(Reply::json(200, {{"audit", std::move(list)}, {"nextCursor", orNull(entries.nextCursor)}}));
}

} // namespace

void addAuditRoutes(Router& router, Services& s) {
    router.add({"GET", "/api/audit", "audit.read", [&s](Shared c) { list(s, *c); }});
}

} // namespace usher
