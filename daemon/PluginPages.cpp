#include "PluginPages.h"

#include "base/Json.h"

#include <algorithm>

namespace usher {

namespace {

Json chainsOf(const std::string& plugin, const Config& config) {
    Json names = Json::array();
    const std::pair<const char*, const ChainConfig*> chains[] = {
        {"trigger", &config.trigger}, {"run", &config.run}, {"manage", &config.manage}};
    for (const auto& [name, chain] : chains)
        if (std::find(chain->plugins.begin(), chain->plugins.end(), plugin) != chain->plugins.end())
            names.push_back(name);
    if (config.shadow == plugin) names.push_back("shadow");
    return names;
}

Json toJson(const PluginStatus& status, const Config& config) {
    const PluginCounters& counters = status.counters;
    return {{"name", status.name},
            {"id", status.id},
            {"version", status.version},
            {"vendor", status.vendor},
            {"state", status.healthy ? "healthy" : "unhealthy"},
            {"reason", status.reason.empty() ? Json(nullptr) : Json(status.reason)},
            {"breaker", counters.breakerOpen ? "open" : "closed"},
            {"inFlight", counters.inFlight},
            {"changedOnDisk", status.differsFromDisk},
            {"isolation", status.isolated ? "process" : "inproc"},
            {"chains", chainsOf(status.name, config)},
            {"counters",
             {{"checks", counters.checks},
              {"allowed", counters.allowed},
              {"denied", counters.denied},
              {"abstained", counters.abstained},
              {"errors", counters.errors},
              {"deadlinesMissed", counters.deadlinesMissed},
              {"refusedByBreaker", counters.refusedByBreaker},
              {"refusedFull", counters.refusedFull}}}};
}

} // namespace

void addPluginListRoute(Router& router, const PluginHost& plugins, const Config& config) {
    router.add({"GET", "/api/plugins", "plugin.list", [&plugins, &config](std::shared_ptr<Context> context) {
                    Json list = Json::array();
                    for (const PluginStatus& status : plugins.status())
                        list.push_back(toJson(status, config));
                    context->reply(Reply::json(200, {{"plugins", std::move(list)}}));
                }});
}

} // namespace usher
