#pragma once

#include "base/Mutex.h"
#include "domain/Authenticator.h"
#include "plugin/Verdicts.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace usher {

class PluginInstance;

/// One endpoint of a plugin, as its usher.http-routes/1 says; checked.
struct PluginRoute {
    std::string method;          ///< GET, POST, PATCH, PUT, DELETE
    std::string path;            ///< "/api/jobs/{id}/api-keys": {name} matches one whole segment
    std::string action;          ///< "key.list"
    std::string resourceParam;   ///< the {name} whose value is the resource, or empty
    std::uint32_t bodyLimit = 0; ///< bytes; 0: no body
    bool operator==(const PluginRoute&) const = default;
};

/// The HTTP endpoints that one plugin instance serves. Made by PluginHost between create and start.
/// [any-thread]
class PluginRoutes {
public:
    /// Reads and checks the plugin's table; no routes when it offers none. Throws PluginRefused. [main]
    explicit PluginRoutes(std::shared_ptr<PluginInstance> instance);
    /// After a reload: the same routes, served by another instance.
    void moveTo(std::shared_ptr<PluginInstance> instance);

    const std::vector<PluginRoute>& routes() const { return _routes; }
    /// The `paths` for the OpenAPI document: a JSON object as text, or empty.
    const std::string& openapiPaths() const { return _openapiPaths; }

    /// Calls the plugin on a thread of its own; the caller has asked the chain of the route's action.
    /// `params`: the path parameters, percent-decoded, in the order of the pattern. `done` is called exactly
    /// once, from any thread, at the latest when request->deadline has passed (503 AUTH_UNAVAILABLE).
    void handle(std::size_t route, std::shared_ptr<const AuthRequest> request, Principal principal,
                Fields params, Fields query, std::function<void(PluginResponse)> done);

private:
    std::vector<PluginRoute> _routes;
    std::string _openapiPaths;
    Mutex _mutex;
    std::shared_ptr<PluginInstance> _instance GUARDED_BY(_mutex);
};

} // namespace usher
