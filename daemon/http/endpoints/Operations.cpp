#include "http/RunJson.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

/// Health and figures are for the machine itself; a proxy in front must not open them to the world.
bool fromHere(Services& services, Context& context) {
    if (services.gate.originOf(context.request()).loopback) return true;
    context.refuse(
        {403, "Forbidden", "This address answers only to the machine itself.", "LOOPBACK_ONLY", {}, 0});
    return false;
}

void ready(Services& services, Context& context) {
    if (!fromHere(services, context)) return;
    Json checks = Json::object();
    bool ok = true;
    for (const Health::Part& part : services.health.parts()) {
        ok = ok && part.ok;
        checks[part.name] = {{"status", part.ok ? "ok" : "degraded"}};
        if (!part.detail.empty()) checks[part.name]["detail"] = part.detail;
    }
    Reply reply =
        Reply::json(ok ? 200 : 503, {{"status", ok ? "ready" : "degraded"}, {"checks", std::move(checks)}});
    if (!ok) reply.with("Retry-After", "2");
    context.reply(std::move(reply));
}

} // namespace

void addOperationRoutes(Router& router, Services& s) {
    router.addInstant("/healthz", [&s](const HttpRequest& request) {
        if (s.gate.originOf(request).loopback) return Reply::json(200, {{"status", "ok"}});
        return toReply(
            {403, "Forbidden", "This address answers only to the machine itself.", "LOOPBACK_ONLY", {}, 0},
            request.id);
    });
    router.add({"GET", "/readyz", "", [&s](Shared c) { ready(s, *c); }});
}

} // namespace usher
