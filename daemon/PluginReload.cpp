#include "PluginReload.h"

#include "PluginWiring.h"
#include "base/Json.h"
#include "base/Text.h"

#include <Poco/Logger.h>

namespace usher {

std::vector<PluginReload::Outcome> PluginReload::reload(std::vector<std::string>& problems) {
    Lock lock(_mutex);
    std::vector<Outcome> outcomes;
    ConfigResult fresh = readConfig(_config.file, _defaults);
    problems = fresh.problems;
    if (!problems.empty()) return outcomes;
    for (const PluginSection& section : fresh.config.plugins) {
        if (!_plugins.find(section.name)) continue; // a new plugin needs a restart
        Outcome outcome{section.name, {}};
        try {
            _plugins.reload(settingsOf(_config, section, _password));
        } catch (const std::exception& error) {
            outcome.error = oneLine(error.what(), 1000);
        }
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

void addPluginReloadRoute(Router& router, Services& services, PluginReload& reload) {
    Router::Route route;
    route.method = "POST", route.pattern = "/api/plugins/reload", route.action = "plugin.reload";
    route.unbounded = true; // a new instance may take its time; the old one works on meanwhile
    route.handler = [&services, &reload](std::shared_ptr<Context> context) {
        std::vector<std::string> problems;
        Json plugins = Json::array();
        bool good = true;
        for (const PluginReload::Outcome& outcome : reload.reload(problems)) {
            good = good && outcome.error.empty();
            plugins.push_back({{"name", outcome.plugin},
                               {"reloaded", outcome.error.empty()},
                               {"error", outcome.error.empty() ? Json(nullptr) : Json(outcome.error)}});
        }
        good = good && problems.empty();
        context->reply(
            Reply::json(200, {{"success", good}, {"plugins", std::move(plugins)}, {"problems", problems}}));
        Poco::Logger::get("usherd").information(good ? "reloaded" : "not everything was reloaded");
        auditChange(services, *context, "plugin.reload", "plugin:*", good ? "" : "not all");
    };
    router.add(std::move(route));
}

} // namespace usher
