#include "Routes.h"

#include "PluginPages.h"
#include "PluginWiring.h"

#include <Poco/Logger.h>

namespace usher {

void addRoutes(Router& router, Services& services, ExplainChains chains, const PluginHost& plugins,
               const Config& config, OpenApiDocument& description) {
    addTriggerRoutes(router, services);
    addTriggerGuideRoutes(router, services);
    addJobRoutes(router, services);
    addTestRoutes(router, services);
    addSecretRoutes(router, services);
    addScheduleRoutes(router, services);
    addWebhookRoutes(router, services);
    addRunRoutes(router, services);
    addPruneRoute(router, services);
    addRunLogRoutes(router, services);
    addRunEventRoutes(router, services);
    addArtifactRoutes(router, services);
    addAuditRoutes(router, services);
    addOperationRoutes(router, services);
    addNodeRoutes(router, services);
    addMetricsRoute(router, services);
    addExplainRoute(router, services, chains);
    addPluginListRoute(router, plugins, config);
    addPluginRoutes(router, plugins);
    describePlugins(description, plugins);
    addOpenApiRoute(router, description);
    addConsoleRoutes(router, consoleAssets());
    for (const std::string& line : description.differencesTo(router.listRoutes()))
        Poco::Logger::get("http").warning("openapi.json: " + line);
}

} // namespace usher
