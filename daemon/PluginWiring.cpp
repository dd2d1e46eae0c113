#include "PluginWiring.h"

#include "HelperWiring.h"
#include "base/Text.h"
#include "plugin/isolated/SpawnedHelpers.h"

#include <Poco/Logger.h>

#include <unistd.h>

namespace usher {

void PluginServices::log(int severity, const std::string& plugin, const std::string& requestId,
                         const std::string& text, const Fields& fields) {
    std::string line = text;
    for (const auto& [name, value] : fields) line += " " + name + "=" + oneLine(value, 200);
    if (!requestId.empty()) line += " request=" + requestId;
    Poco::Logger& logger = Poco::Logger::get("plugin." + plugin);
    switch (severity) {
    case USHER_LOG_ERROR:
        logger.error(line);
        break;
    case USHER_LOG_WARNING:
        logger.warning(line);
        break;
    case USHER_LOG_INFO:
        logger.information(line);
        break;
    default:
        logger.debug(line);
    }
}

PluginSettings settingsOf(const Config& config, const PluginSection& section, const std::string& password) {
    PluginSettings settings;
    settings.name = section.name;
    settings.path = section.path;
    settings.config = section.keys;
    settings.deadline = section.deadline;
    settings.stateDir = config.stateDir;
    settings.isolated = section.isolated;
    settings.network = section.network;
    // A database in a file of the daemon's can be opened by the daemon's user alone.
    settings.ownUser = !(section.sharedDatabase && config.databaseUrl.starts_with("sqlite:"));
    if (section.sharedDatabase) {
        settings.databaseUrl = config.databaseUrl;
        settings.databasePassword = password;
    }
    return settings;
}

namespace {

class SilentServices final : public HostServices {
public:
    explicit SilentServices(HelperStarter& helpers) : _helpers(helpers) {}
    HelperStarter* helpers() override { return &_helpers; }
    void log(int, const std::string&, const std::string&, const std::string&, const Fields&) override {}
    bool audit(const std::string&, AuditRecord) override { return true; }
    WriterTurn* writerTurn() override { return nullptr; }

private:
    HelperStarter& _helpers;
};

} // namespace

std::vector<std::string> problemsOfPlugins(const Config& config) {
    SpawnedHelpers helpers(helperProgram(config.leader));
    SilentServices services(helpers);
    PluginHost host(services);
    std::vector<std::string> problems;
    for (const PluginSection& section : config.plugins) {
        if (::access(section.path.c_str(), R_OK) != 0) continue;
        const std::string what = ": [plugins." + section.name + "] ";
        try {
            for (const ConfigProblem& problem : host.checkConfig(settingsOf(config, section, "")))
                problems.push_back(section.places.at(problem.key) + what + problem.message);
        } catch (const std::exception& refused) {
            problems.push_back((section.place.empty() ? config.file : section.place) + what + refused.what());
        }
    }
    return problems;
}

std::unique_ptr<Shadow> makeShadow(const Config& config, const PluginHost& plugins) {
    Authenticator* plugin = config.shadow.empty() ? nullptr : plugins.find(config.shadow);
    if (!plugin) return nullptr;
    Poco::Logger& logger = Poco::Logger::get("shadow");
    return std::make_unique<Shadow>(*plugin, [&logger](const std::string& line) { logger.warning(line); });
}

AuthChain makeChain(const std::string& name, const ChainConfig& config, const PluginHost& plugins,
                    Shadow* shadow) {
    std::vector<Authenticator*> members;
    for (const std::string& plugin : config.plugins) members.push_back(plugins.find(plugin));
    return AuthChain(name, config.all ? AuthChain::Mode::all : AuthChain::Mode::first, std::move(members),
                     shadow);
}

void addPluginRoutes(Router& router, const PluginHost& plugins) {
    for (const std::string& name : plugins.names()) {
        PluginRoutes* routes = plugins.routesOf(name);
        if (!routes) continue;
        for (std::size_t i = 0; i < routes->routes().size(); ++i) {
            const PluginRoute& route = routes->routes()[i];
            Router::Route entry;
            entry.method = route.method;
            entry.pattern = route.path;
            entry.action = route.action;
            entry.resourceParam = route.resourceParam;
            entry.bodyLimit = route.bodyLimit;
            entry.inlineHandler = true; // runs on the plugin's own threads
            entry.servedByPlugin = true;
            entry.handler = [routes, i](std::shared_ptr<Context> context) {
                routes->handle(i, context->question, context->principal, context->params, context->query,
                               [context](PluginResponse response) {
                                   Reply reply{response.status, {}, std::move(response.body), false};
                                   if (!reply.body.empty()) reply.with("Content-Type", response.contentType);
                                   bool challenged = false;
                                   for (auto& [field, value] : response.headers) {
                                       challenged = challenged || equalsIgnoreCase(field, "WWW-Authenticate");
                                       reply.with(field, std::move(value));
                                   }
                                   if (reply.status == 401 && !challenged)
                                       reply.with("WWW-Authenticate", "Bearer");
                                   context->reply(std::move(reply));
                               });
            };
            router.add(std::move(entry));
        }
    }
}

void describePlugins(OpenApiDocument& document, const PluginHost& plugins) {
    for (const std::string& name : plugins.names())
        if (const PluginRoutes* routes = plugins.routesOf(name)) document.addPaths(routes->openapiPaths());
}

void addHealthParts(Health& health, NodeStore& nodes, const Clock& clock, const PluginHost& plugins,
                    const Executor& executor) {
    health.add("database", [&nodes, &clock]() -> std::string {
        try {
            nodes.ping(clock.instant() + std::chrono::milliseconds(1000));
            return "";
        } catch (const std::exception&) {
            return "the database does not answer";
        }
    });
    health.add("plugins", [&plugins]() -> std::string {
        std::string problems;
        for (const PluginStatus& status : plugins.status()) {
            if (!status.healthy) problems += status.name + ": " + status.reason + "; ";
            if (!status.differsFromDisk) continue;
            problems += status.name;
            if (::access(status.path.c_str(), F_OK) != 0)
                problems +=
                    ": its file " + status.path + " is gone, usherd would not start again without it; ";
            else
                problems += std::string(": another version is on disk, ") +
                            (status.isolated ? "reload" : "restart") + " to load it; ";
        }
        return problems;
    });
    health.add("runner", [&executor]() -> std::string {
        return executor.sandbox().empty() ? "no launcher" : executor.problem();
    });
}

std::vector<Metrics::Sample> samplesOf(const PluginHost& plugins, const Health& health, const AuditLog& audit,
                                       const Shadow* shadow) {
    std::vector<Metrics::Sample> samples;
    for (const Health::Part& part : health.parts())
        samples.push_back(
            {"usher_health", "1 while this part is well", {{"part", part.name}}, part.ok ? 1.0 : 0.0});
    for (const PluginStatus& status : plugins.status()) {
        std::map<std::string, std::string> name = {{"plugin", status.name}};
        auto add = [&](const char* metric, const char* help, double value) {
            samples.push_back({metric, help, name, value});
        };
        const PluginCounters& counters = status.counters;
        add("usher_plugin_checks", "Questions asked since the start", static_cast<double>(counters.checks));
        add("usher_plugin_errors", "Checks that ended in an error", static_cast<double>(counters.errors));
        add("usher_plugin_deadlines_missed", "Calls that were not answered in time",
            static_cast<double>(counters.deadlinesMissed));
        add("usher_plugin_called_off", "Calls whose client went away before the answer",
            static_cast<double>(counters.calledOff));
        add("usher_plugin_in_flight", "Calls that wait for their answer",
            static_cast<double>(counters.inFlight));
        add("usher_plugin_breaker_open", "1 while calls are refused without asking",
            counters.breakerOpen ? 1 : 0);
        add("usher_plugin_healthy", "1 while the plugin says that it is able to answer",
            status.healthy ? 1 : 0);
        add("usher_plugin_changed_on_disk", "1 while another version of its file is installed than runs",
            status.differsFromDisk ? 1 : 0);
        for (const PluginMetric& metric : status.metrics) {
            std::map<std::string, std::string> labels = name;
            for (const auto& [label, value] : metric.labels) labels[label] = value;
            samples.push_back(
                {"usher_plugin_own_" + metric.name, "A number of the plugin's own", labels, metric.value});
        }
    }
    if (shadow) {
        const std::map<std::string, std::string> name = {{"plugin", shadow->name()}};
        auto add = [&](const char* metric, const char* help, std::uint64_t value) {
            samples.push_back({metric, help, name, static_cast<double>(value)});
        };
        add("usher_shadow_asked", "Questions that the shadow plugin was asked", shadow->asked());
        add("usher_shadow_differences", "Questions that it would have decided otherwise",
            shadow->differences());
        add("usher_shadow_errors", "Questions that it could not judge", shadow->errors());
    }
    samples.push_back({"usher_audit_dropped",
                       "Audit records that did not fit the queue",
                       {},
                       static_cast<double>(audit.dropped())});
    return samples;
}

} // namespace usher
