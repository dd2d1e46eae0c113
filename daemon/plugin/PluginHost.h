#pragma once

#include "base/Mutex.h"
#include "domain/Authenticator.h"
#include "plugin/HostServices.h"
#include "plugin/PluginInstance.h"
#include "plugin/PluginLoader.h"
#include "plugin/PluginRoutes.h"
#include "plugin/PluginSettings.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace usher {

/// What /readyz and GET /api/plugins say of a plugin.
struct PluginStatus {
    std::string name, id, version, vendor, path;
    bool healthy = false;
    std::string reason;           ///< when not healthy
    bool differsFromDisk = false; ///< an upgrade was installed: restart to run it
    bool isolated = false;        ///< in a process of its own
    PluginCounters counters;
    std::vector<PluginMetric> metrics; ///< its own
};

/// What a plugin's schema finds wrong with its section.
struct ConfigProblem {
    std::size_t key = 0; ///< place in PluginSettings::config
    std::string message;
};

/// The plugins of this daemon. One instance, owned by main.
///
/// Order in main: the HostServices (log, audit queue, the store's writer turn) → PluginHost(services) → add()
/// for each section [plugins.*] → the chains, from find(), and the router, from routesOf() → start() →
/// listen. At the end: stop listening, then stop(), then the services may go. Everything from find() and
/// routesOf() lives as long as the host and survives reload().
///
/// add(), start(), reload(), stop() [main]; the rest [any-thread].
class PluginHost {
public:
    explicit PluginHost(HostServices& services);
    /// stop(), if that has not been called.
    ~PluginHost();

    /// Loads the file, creates the plugin's instance, reads its routes. Throws PluginRefused: do not start.
    void add(PluginSettings settings);
    /// For a helper process: an add() of this path takes the file that is open already.
    void adopt(TrustedFile file, const std::string& path);
    /// What that file's schema says, and who made it. Throws PluginRefused.
    std::shared_ptr<const Plugin> pluginAt(const std::string& path) { return _loader.load(path); }
    /// Starts them in the order of add(). Throws PluginRefused: do not start.
    void start();
    /// Gives a plugin with usher.reload/1 its new configuration, if nothing else has changed. Else makes a
    /// second instance from new settings, starts it, asks after its health, swaps it in and ends the first
    /// one. Throws PluginRefused; the first one then goes on as if nothing had been. The code stays what was
    /// loaded: new code needs a restart (PluginStatus::differsFromDisk), or a process of its own, of which a
    /// changed file makes a second one.
    void reload(PluginSettings settings);
    /// Only usher.reload/1 of that plugin. False: it has none, or wants a second instance. Throws
    /// PluginRefused; then nothing has changed.
    bool reloadInPlace(const std::string& name, const Fields& config);
    /// Ends all, last added first; `limit` for each. False: a plugin did not come back; then the process must
    /// end by _exit, because threads of it are still running.
    bool stop(std::chrono::milliseconds limit = std::chrono::seconds(3));

    /// Null: no plugin of that name. One that is not running answers 503.
    Authenticator* find(const std::string& name) const;
    PluginRoutes* routesOf(const std::string& name) const;
    std::vector<std::string> names() const;
    /// Asks each plugin's health check.
    std::vector<PluginStatus> status() const;

    /// Keys of the section that the plugin's usher.config-schema/1 does not know, and values of the wrong
    /// kind; empty when all is well or the plugin offers no schema. For `usherd
    /// --check-config` the host need not be started: add() is not called, only this. Throws PluginRefused.
    std::vector<ConfigProblem> checkConfig(const PluginSettings& settings);

private:
    class Place;

    Place& place(const std::string& name) const;
    std::shared_ptr<const Plugin> open(const PluginSettings& settings);
    std::shared_ptr<PluginInstance> make(PluginSettings settings);
    void sweep();

    HostServices& _services;
    PluginLoader _loader;
    std::vector<std::unique_ptr<Place>> _places; ///< add() ends before anybody else asks
    std::atomic<bool> _clean{true};
    Mutex _mutex;
    Condition _wake;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _sweeper;
};

} // namespace usher
