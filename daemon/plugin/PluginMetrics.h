#pragma once

#include "base/Mutex.h"
#include "domain/Authenticator.h"

#include <usher/auth.h>

#include <map>
#include <string>
#include <vector>

namespace usher {

class HostServices;

/// One number of a plugin's own: a change of it, or what it is.
struct PluginMetric {
    std::string name;
    bool counter = false; ///< a change adds; else it sets
    double value = 0;
    Fields labels;
};

/// What a plugin instance tells through usher.metrics/1. Checks what comes from the plugin. [any-thread]
class PluginMetrics {
public:
    usher_status change(const PluginMetric& change, HostServices& services);
    std::vector<PluginMetric> all();

private:
    Mutex _mutex;
    std::map<std::string, bool> _kinds GUARDED_BY(_mutex);          ///< name: is it a counter?
    std::map<std::string, PluginMetric> _series GUARDED_BY(_mutex); ///< by name and labels
};

} // namespace usher
