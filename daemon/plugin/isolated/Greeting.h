#pragma once

#include "plugin/Plugin.h"
#include "plugin/PluginRoutes.h"
#include "plugin/isolated/Frame.h"

#include <string>
#include <vector>

namespace usher {

/// What a helper says of the plugin that it has loaded: the frame `loaded`.
struct Greeting {
    std::string id, version, vendor;
    std::vector<PluginConfigKey> keys;
    std::vector<PluginRoute> routes;
    std::string openapiPaths;
};

/// The first frame to a helper, and what it needs to act as a host.
struct LoadOrder {
    bool describe = false; ///< only load the file and say what it is; create nothing
    std::string name, path, stateDir;
    Fields config;
    bool hasTurn = false;
    std::size_t maxInFlight = 0, checkThreads = 0, routeThreads = 0, maxRoutesInFlight = 0;
};

std::string toFrame(const Greeting& greeting);
Greeting readGreeting(FrameReader& frame);
std::string toFrame(const LoadOrder& order);
LoadOrder readLoadOrder(FrameReader& frame);

} // namespace usher
