#include "plugin/isolated/Greeting.h"

namespace usher {

std::string toFrame(const Greeting& greeting) {
    FrameWriter frame(FrameType::loaded);
    frame.text(greeting.id).text(greeting.version).text(greeting.vendor).number(greeting.keys.size());
    for (const PluginConfigKey& key : greeting.keys) {
        frame.text(key.name).number(static_cast<std::uint64_t>(key.kind));
        frame.text(key.defaultValue).text(key.description);
        frame.number(static_cast<std::uint64_t>(key.minimum)).number(static_cast<std::uint64_t>(key.maximum));
    }
    frame.number(greeting.routes.size());
    for (const PluginRoute& route : greeting.routes)
        frame.text(route.method)
            .text(route.path)
            .text(route.action)
            .text(route.resourceParam)
            .number(route.bodyLimit);
    return frame.text(greeting.openapiPaths).take();
}

Greeting readGreeting(FrameReader& frame) {
    Greeting greeting;
    greeting.id = frame.text(), greeting.version = frame.text(), greeting.vendor = frame.text();
    const std::uint64_t keys = frame.number();
    if (keys > 256) throw FrameError("too many keys");
    for (std::uint64_t i = 0; i < keys; ++i) {
        PluginConfigKey& key = greeting.keys.emplace_back();
        key.name = frame.text(), key.kind = static_cast<int>(frame.number());
        key.defaultValue = frame.text(), key.description = frame.text();
        key.minimum = static_cast<std::int64_t>(frame.number());
        key.maximum = static_cast<std::int64_t>(frame.number());
    }
    const std::uint64_t routes = frame.number();
    if (routes > 128) throw FrameError("too many routes");
    for (std::uint64_t i = 0; i < routes; ++i) {
        PluginRoute& route = greeting.routes.emplace_back();
        route.method = frame.text(), route.path = frame.text(), route.action = frame.text();
        route.resourceParam = frame.text();
        route.bodyLimit = static_cast<std::uint32_t>(frame.number());
    }
    greeting.openapiPaths = frame.text();
    return greeting;
}

std::string toFrame(const LoadOrder& order) {
    FrameWriter frame(FrameType::load);
    frame.number(order.describe).text(order.name).text(order.path).text(order.stateDir).fields(order.config);
    frame.number(order.hasTurn).number(order.maxInFlight).number(order.checkThreads);
    return frame.number(order.routeThreads).number(order.maxRoutesInFlight).take();
}

LoadOrder readLoadOrder(FrameReader& frame) {
    LoadOrder order;
    order.describe = frame.flag();
    order.name = frame.text(), order.path = frame.text(), order.stateDir = frame.text();
    order.config = frame.fields();
    order.hasTurn = frame.flag();
    order.maxInFlight = frame.number(), order.checkThreads = frame.number();
    order.routeThreads = frame.number(), order.maxRoutesInFlight = frame.number();
    return order;
}

} // namespace usher
