#include "config/PluginFiles.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace usher {

namespace {

/// Our own plugins are in packages of other names.
std::string packageOf(const std::string& plugin) {
    if (plugin == "api-key") return "install its package (usherd-auth-apikey)";
    if (plugin == "oidc") return "install its package (usherd-auth-oidc)";
    if (plugin == "webhook-signature") return "install its package (usherd-auth-webhook)";
    return "install its package";
}

/// Each place where the configuration names the plugin, "FILE:LINE: [SECTION] KEY", and what can be done
/// there.
class Places {
public:
    Places(const Config& config, const IniFile& file, const std::string& plugin)
        : _config(config), _file(file), _plugin(plugin) {
        chain("trigger", config.trigger.plugins);
        chain("run", config.run.plugins);
        chain("manage", config.manage.plugins);
        if (config.shadow == plugin) add("auth", "shadow", "take the line out");
        auto own = std::find_if(file.entries().begin(), file.entries().end(),
                                [&](const IniEntry& entry) { return entry.section == "plugins." + plugin; });
        if (own != file.entries().end()) add(own->section, own->key, "set path, or take the section out");
    }

    struct Place {
        std::string where, remedy;
    };
    const std::vector<Place>& all() const { return _all; }

private:
    void chain(const std::string& name, const std::vector<std::string>& plugins) {
        if (std::find(plugins.begin(), plugins.end(), _plugin) == plugins.end()) return;
        add("auth", name, "take its name out here");
    }
    void add(const std::string& section, const std::string& key, const std::string& remedy) {
        const IniEntry* entry = _file.find(section, key);
        const std::string what = "[" + section + "] " + key;
        if (entry)
            _all.push_back({entry->file + ":" + std::to_string(entry->line) + ": " + what, remedy});
        else
            _all.push_back({_config.file + ": " + what + " (the default)", "set this without its name"});
    }

    const Config& _config;
    const IniFile& _file;
    const std::string& _plugin;
    std::vector<Place> _all;
};

} // namespace

void checkPluginFiles(const Config& config, const IniFile& file, std::vector<std::string>& problems) {
    for (const PluginSection& section : config.plugins) {
        if (::access(section.path.c_str(), R_OK) == 0) continue;
        const std::string cause =
            errno == ENOENT ? "" : std::string(" that can be read (") + std::strerror(errno) + ")";
        const Places places(config, file, section.name);
        for (const Places::Place& place : places.all())
            problems.push_back(place.where + ": there is no plugin " + section.name + " at " + section.path +
                               cause + ": " + packageOf(section.name) + ", or " + place.remedy);
    }
}

} // namespace usher
