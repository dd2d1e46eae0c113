#pragma once

#include "base/Mutex.h"
#include "config/Config.h"
#include "http/endpoints/Endpoints.h"
#include "plugin/PluginHost.h"

#include <string>
#include <vector>

namespace usher {

/// Reads the configuration again and gives every plugin its section: SIGHUP and POST /api/plugins/reload. One
/// after the other; a plugin that refuses goes on as it was and keeps no other from its own. One instance,
/// owned by main. [any-thread], one reload at a time
class PluginReload {
public:
    struct Outcome {
        std::string plugin;
        std::string error; ///< empty: it runs by the new configuration
    };

    PluginReload(const Config& config, const ConfigDefaults& defaults, const std::string& password,
                 PluginHost& plugins)
        : _config(config), _defaults(defaults), _password(password), _plugins(plugins) {}

    /// Nothing is reloaded when the configuration itself is wrong: `problems` says what. Also there: what a
    /// reload leaves as it was, because it needs a restart (other chains, sections that came or went).
    std::vector<Outcome> reload(std::vector<std::string>& problems);

private:
    const Config& _config;
    const ConfigDefaults& _defaults;
    const std::string& _password;
    PluginHost& _plugins;
    Mutex _mutex; ///< held for the whole of a reload: there is nothing else under it
};

/// POST /api/plugins/reload (admins).
void addPluginReloadRoute(Router& router, Services& services, PluginReload& reload);

} // namespace usher
