#pragma once

#include "base/UniqueFd.h"
#include "plugin/Plugin.h"
#include "plugin/PluginSettings.h"
#include "plugin/isolated/HelperStarter.h"

#include <memory>

namespace usher {

/// A plugin whose code never enters this process: its table of functions is ours and carries every call to a
/// helper (PluginProcess). The opened file is kept, and each helper loads that one: a crash brings the same
/// code back, whatever the disk holds by now; a reload opens the path again and so brings the new code.
class IsolatedPlugin final : public Plugin {
public:
    /// Opens the file by openTrusted(), and asks a helper for id, schema and vendor. Throws PluginRefused.
    /// [main]
    static std::shared_ptr<const Plugin> open(const PluginSettings& settings, HelperStarter& starter);

    std::vector<PluginConfigKey> configKeys() const override { return _keys; }
    bool isolated() const override { return true; }
    int file() const { return _file.get(); }
    HelperStarter& starter() const { return _starter; }

private:
    IsolatedPlugin(std::string path, TrustedFile file, PluginNote note, std::string vendor,
                   std::vector<PluginConfigKey> keys, HelperStarter& starter);

    const UniqueFd _file;
    const std::vector<PluginConfigKey> _keys;
    HelperStarter& _starter;
};

} // namespace usher
