#include "http/ClientOrigin.h"

#include "base/Text.h"

namespace usher {

ClientOrigin clientOrigin(const HttpRequest& request, const std::vector<Cidr>& trustedProxies) {
    ClientOrigin origin{request.peerAddress, request.secure, false};
    bool forwarded = false;
    for (const auto& [name, value] : request.head)
        forwarded = forwarded || equalsIgnoreCase(name, "Forwarded") ||
                    equalsIgnoreCase(std::string_view(name).substr(0, 12), "X-Forwarded-");
    if (!forwarded) {
        auto address = parseAddress(request.peerAddress);
        origin.loopback = address && isLoopback(*address);
        return origin;
    }
    if (!anyContains(trustedProxies, request.peerAddress)) return origin;
    // Each proxy appends whom it saw: the last entry that is not a proxy of ours is the client.
    std::string chain;
    for (const auto& [name, value] : request.head)
        if (equalsIgnoreCase(name, "X-Forwarded-For")) chain += (chain.empty() ? "" : ",") + value;
    auto hops = split(chain, ',');
    for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
        std::string_view text = trim(*hop);
        if (!parseAddress(text)) break; // "unknown", a port, garbage: what we know stays the last good one
        origin.address = text;
        if (!anyContains(trustedProxies, text)) break;
    }
    origin.secure = request.secure || equalsIgnoreCase(trim(request.field("X-Forwarded-Proto")), "https");
    return origin;
}

} // namespace usher
