#pragma once

#include "plugin/ElfNote.h"
#include "plugin/PluginFile.h"

#include <usher/auth.h>

#include <cstdint>
#include <string>
#include <vector>

namespace usher {

/// One key of a plugin's section, as its usher.config-schema/1 describes it.
struct PluginConfigKey {
    std::string name;
    int kind = 0; ///< USHER_KEY_TEXT, …
    std::string defaultValue, description;
    std::int64_t minimum = 0, maximum = 0;
};

/// The loaded code of one plugin file (or, IsolatedPlugin, what stands for it). Never unloaded: threads of it
/// may live on, and unique symbols would keep it mapped anyway. Made by PluginLoader; immutable. [any-thread]
class Plugin {
public:
    Plugin(std::string path, FileIdentity identity, PluginNote note, std::string vendor, usher_auth_ops ops)
        : path(std::move(path)), note(std::move(note)), vendor(std::move(vendor)), ops(ops),
          _identity(identity) {}
    virtual ~Plugin() = default;

    const std::string path;
    const PluginNote note; ///< id, version
    const std::string vendor;
    const usher_auth_ops ops; ///< a zero-filled copy: what the plugin does not have is NULL

    /// The file at `path` is another one than the one that runs: new code needs a restart.
    bool differsFromDisk() const { return identityAt(path) != _identity; }

    /// What its section may hold; empty when the plugin offers no schema. Calls into the plugin. [main]
    virtual std::vector<PluginConfigKey> configKeys() const;
    /// Its code is in another process: `ops` are the host's own and never block.
    virtual bool isolated() const { return false; }

private:
    const FileIdentity _identity;
};

} // namespace usher
