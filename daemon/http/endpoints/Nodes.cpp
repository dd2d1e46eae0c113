#include "http/BodyReader.h"
#include "http/RunJson.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

/// For people only, by our wall clock and its beat's: whether a node is lost is decided by its beat counter.
const char* stateOf(const Node& node, Micros now) {
    if (now - node.heartbeatAt > (Micros{node.leaseSeconds} + 5) * 1'000'000) return "silent";
    return node.draining ? "draining" : "up";
}

Json toJson(const Node& node, Micros now) {
    return {{"id", node.id},
            {"name", node.name},
            {"address", node.address.empty() ? Json(nullptr) : Json(node.address)},
            {"state", stateOf(node, now)},
            {"startedAt", formatTime(node.startedAt)},
            {"heartbeatAt", formatTime(node.heartbeatAt)},
            {"draining", node.draining},
            {"running", node.running}};
}

void list(Services& services, Context& context) {
    Json nodes = Json::array();
    for (const Node& node : services.nodes.listNodes()) nodes.push_back(toJson(node, services.clock.now()));
    context.reply(Reply::json(200, {{"nodes", std::move(nodes)}}));
}

/// The flag stands in the database: the claim itself looks at it, so it holds when this is answered,
/// whichever node was asked.
void setDraining(Services& services, Context& context, bool draining) {
    const std::string& id = context.param("id");
    if (auto refusal = unwantedBody(context.request())) return void(context.refuse(*refusal));
    if (!services.nodes.setDraining(id, draining))
        return void(context.refuse(notFound("Node", "NODE_NOT_FOUND")));
    auditChange(services, context, draining ? "node.drain" : "node.undrain", "node:" + id);
    for (const Node& node : services.nodes.listNodes())
        if (node.id == id) {
            context.reply(
                Reply::json(200, {{"success", true}, {"node", toJson(node, services.clock.now())}}));
            return;
        }
    context.refuse(notFound("Node", "NODE_NOT_FOUND"));
}

} // namespace

void addNodeRoutes(Router& router, Services& s) {
    router.add({"GET", "/api/nodes", "node.list", [&s](Shared c) { list(s, *c); }});
    router.add({"POST", "/api/nodes/{id}/drain", "node.drain", [&s](Shared c) { setDraining(s, *c, true); }});
    router.add(
        {"POST", "/api/nodes/{id}/undrain", "node.drain", [&s](Shared c) { setDraining(s, *c, false); }});
}

} // namespace usher
