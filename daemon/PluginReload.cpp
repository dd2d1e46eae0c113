#include "PluginReload.h"

#include "PluginWiring.h"
#include "base/Json.h"
#include "base/Text.h"
#include "http/BodyReader.h"

#include <Poco/Logger.h>

#include <algorithm>

namespace usher {

namespace {

/// What `fresh` says and a reload cannot do: who answers which action is built once. Silence would look as if
/// a plugin that was just added, or taken away, were in force.
std::vector<std::string> leftForRestart(const Config& running, const Config& fresh) {
    std::vector<std::string> left;
    const auto say = [&](const std::string& what) { left.push_back(what + ": restart usherd for it"); };
    const auto has = [](const Config& config, const std::string& name) {
        return std::any_of(config.plugins.begin(), config.plugins.end(),
                           [&](const PluginSection& section) { return section.name == name; });
    };
    for (const PluginSection& section : fresh.plugins)
        if (!has(running, section.name)) say("[plugins." + section.name + "] is new");
    for (const PluginSection& section : running.plugins)
        if (!has(fresh, section.name)) say("[plugins." + section.name + "] is gone and goes on");
    const auto differs = [](const ChainConfig& a, const ChainConfig& b) {
        return a.plugins != b.plugins || a.all != b.all;
    };
    if (differs(running.trigger, fresh.trigger)) say("[auth] trigger was changed");
    if (differs(running.run, fresh.run)) say("[auth] run was changed");
    if (differs(running.manage, fresh.manage)) say("[auth] manage was changed");
    if (running.shadow != fresh.shadow) say("[auth] shadow was changed");
    return left;
}

} // namespace

std::vector<PluginReload::Outcome> PluginReload::reload(std::vector<std::string>& problems) {
    Lock lock(_mutex);
    std::vector<Outcome> outcomes;
    ConfigResult fresh = readConfig(_config.file, _defaults);
    problems = fresh.problems;
    if (!problems.empty()) return outcomes;
    problems = leftForRestart(_config, fresh.config);
    for (const PluginSection& section : fresh.config.plugins) {
        if (!_plugins.find(section.name)) continue;
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
        if (auto refusal = unwantedBody(context->request())) return void(context->refuse(*refusal));
        context->admission->accept(); // the old instance does not end before everything of its is settled
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
