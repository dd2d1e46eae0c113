#pragma once

#include "config/Config.h"
#include "http/OpenApiDocument.h"
#include "http/Router.h"
#include "http/endpoints/Endpoints.h"
#include "http/endpoints/Explain.h"
#include "plugin/PluginHost.h"

namespace usher {

/// All that this daemon serves, its own endpoints and the plugins'; `description` is completed with the
/// plugins' part of it. What is served and not described, or the other way round, is a warning in the log.
/// Everything outlives the router. [main]
void addRoutes(Router& router, Services& services, ExplainChains chains, const PluginHost& plugins,
               const Config& config, OpenApiDocument& description);

} // namespace usher
