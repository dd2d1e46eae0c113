#pragma once

#include "base/Mutex.h"
#include "plugin/Plugin.h"

#include <map>
#include <memory>
#include <string>

namespace usher {

/// Loads plugin files, each path once. One instance, owned by PluginHost (main may use one for
/// --check-config).
///
/// The file is opened by openTrusted(), its note is read from that descriptor, and that same descriptor is
/// loaded
/// (/proc/self/fd/N), so that nobody can swap it in between. The descriptor stays open for good: the dynamic
/// linker knows the object by that name, and a reused number would give the old plugin. A consequence for
/// authors: $ORIGIN in a plugin's RUNPATH does not resolve; name libraries by absolute path or install them
/// where the linker looks. A path that is loaded already is not loaded again, whatever the disk holds by now
/// (Plugin::differsFromDisk()).
class PluginLoader {
public:
    /// Throws PluginRefused. [any-thread]
    std::shared_ptr<const Plugin> load(const std::string& path);
    /// The same, from a file that somebody has opened and checked.
    std::shared_ptr<const Plugin> load(TrustedFile file, const std::string& path);

private:
    std::shared_ptr<const Plugin> loadOpened(TrustedFile file, const std::string& path) REQUIRES(_mutex);

    Mutex _mutex;
    std::map<std::string, std::shared_ptr<const Plugin>> _loaded GUARDED_BY(_mutex);
};

/// Throws PluginRefused when the plugin needs a newer interface than this one.
void checkMinor(std::uint32_t required, const std::string& path);

} // namespace usher
