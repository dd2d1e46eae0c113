#pragma once

#include "config/Config.h"
#include "http/Router.h"
#include "plugin/PluginHost.h"

namespace usher {

/// GET /api/plugins: what is loaded, how it is, and which chains ask it. Part of the composition root,
/// because neither the HTTP room nor the plugin room knows the other. [main]
void addPluginListRoute(Router& router, const PluginHost& plugins, const Config& config);

} // namespace usher
