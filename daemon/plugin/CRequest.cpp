#include "plugin/CRequest.h"

#include "plugin/CText.h"

namespace usher {

namespace {

usher_field toC(const std::pair<std::string, std::string>& field) {
    return {usher::toC(field.first), usher::toC(field.second)};
}

void fillRoute(RouteQuestion& route, const usher_request& request) {
    for (const auto& field : route.params) route.cParams.push_back(toC(field));
    for (const auto& field : route.query) route.cQuery.push_back(toC(field));
    usher_http_request& c = route.c;
    c.size = sizeof c;
    c.route = route.route;
    c.request = &request;
    c.principal_id = usher::toC(route.principal.id);
    c.principal_name = usher::toC(route.principal.name);
    c.principal_role = usher::toC(route.principal.role);
    c.params = route.cParams.data(), c.param_count = route.cParams.size();
    c.query = route.cQuery.data(), c.query_count = route.cQuery.size();
}

} // namespace

void fillRequest(CallSlot& slot) {
    const AuthRequest& request = *slot.request;
    usher_request& c = slot.c;
    c.size = sizeof c;
    c.flags = 0;
    slot.fields.clear(); // keeps its memory from the call before
    slot.fields.reserve(request.headers.size() + request.attributes.size());
    for (const auto& field : request.headers) slot.fields.push_back(toC(field));
    for (const auto& field : request.attributes) {
        if (field.first == "secure" && field.second == "1") c.flags |= USHER_SECURE;
        slot.fields.push_back(toC(field));
    }
    c.request_id = usher::toC(request.requestId);
    c.action = usher::toC(request.action);
    c.resource = usher::toC(request.resource);
    c.method = usher::toC(request.method);
    c.target = usher::toC(request.target);
    c.peer_address = usher::toC(request.peerAddress);
    c.tls_client_fingerprint = usher::toC(request.tlsClientFingerprint);
    c.headers = slot.fields.data(), c.header_count = request.headers.size();
    c.attributes = slot.fields.data() + request.headers.size(), c.attribute_count = request.attributes.size();
    c.body = usher::toC(request.body);
    c.deadline_ns = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(slot.deadline.time_since_epoch()).count());
    if (slot.route) fillRoute(*slot.route, c);
}

} // namespace usher
