#include "config/Config.h"

#include "base/IniFile.h"
#include "base/Text.h"
#include "config/PluginFiles.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <functional>
#include <set>
#include <thread>
#include <unistd.h>

#ifndef USHER_LIBEXECDIR
#define USHER_LIBEXECDIR "/usr/libexec/usher"
#endif
#ifndef USHER_PLUGINDIR
#define USHER_PLUGINDIR "/usr/lib/usher/plugins"
#endif

namespace usher {

namespace {

const std::vector<std::string> kTestTypes = {"shell",  "python",   "node", "playwright",  "browser", "api",
                                             "custom", "database", "k6",   "performance", "exec"};

bool isName(std::string_view name) {
    if (name.empty() || name.size() > 63) return false;
    for (char c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    return true;
}

/// A name that can be looked up, and no mistyped address.
bool isHostName(const std::string& text) {
    return toLower(text).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == text.npos &&
           text.find_first_not_of("0123456789.") != text.npos;
}

std::vector<std::string> listOf(std::string_view text) {
    std::vector<std::string> items;
    for (const std::string& part : split(text, ','))
        for (const std::string& item : split(part, ' '))
            if (!trim(item).empty()) items.emplace_back(trim(item));
    return items;
}

std::string absolute(const std::string& path) {
    char resolved[PATH_MAX];
    return ::realpath(path.c_str(), resolved) ? std::string(resolved) : path;
}

bool namesFile(const std::string& key) {
    return key.ends_with("_file") || key.ends_with("_key") || key == "tls_certificate";
}

/// `credential:NAME` becomes the path where the service manager has put that secret. Returns what is wrong,
/// or "".
std::string replaceCredential(std::string& value) {
    constexpr std::string_view prefix = "credential:";
    if (!value.starts_with(prefix)) return "";
    std::string name = value.substr(prefix.size());
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
        return "a credential's name is a file name";
    if (const char* folder = ::getenv("CREDENTIALS_DIRECTORY"); folder && folder[0] == '/') {
        value = std::string(folder) + "/" + name;
        return "";
    }
    // Whoever types a command has none, but root sees where systemd takes them from (systemd.exec(5)).
    for (const char* folder : {"/etc/credstore", "/run/credstore", "/usr/lib/credstore"})
        if (const std::string path = std::string(folder) + "/" + name; ::access(path.c_str(), R_OK) == 0) {
            value = path;
            return "";
        }
    return "no service manager hands over credentials here (LoadCredential=), and there is none of this name "
           "in /etc/credstore that " +
           std::string(::geteuid() == 0 ? "root" : "this user, not root,") + " could read";
}

/// Takes entries apart, one setter a key; what no setter knows is a problem.
class Reader {
public:
    Reader(const IniFile& file, std::vector<std::string>& problems) : _file(file), _problems(problems) {}

    using Setter = std::function<std::string(const std::string& value)>; ///< returns what is wrong, or ""

    void on(const std::string& section, const std::string& key, Setter setter) {
        _setters[section + '\n' + key] = std::move(setter);
    }
    void text(const std::string& section, const std::string& key, std::string& target) {
        on(section, key, [&target](const std::string& value) {
            target = value;
            return std::string();
        });
    }
    void path(const std::string& section, const std::string& key, std::string& target) {
        on(section, key, [&target](const std::string& value) {
            if (value.empty() || value[0] != '/') return std::string("must be an absolute path");
            target = value;
            return std::string();
        });
    }
    template <class Integer>
    void integer(const std::string& section, const std::string& key, Integer& target, std::int64_t min,
                 std::int64_t max) {
        on(section, key, [&target, min, max](const std::string& value) {
            auto number = parseInteger(value);
            if (!number || *number < min || *number > max)
                return "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max);
            target = static_cast<Integer>(*number);
            return std::string();
        });
    }
    void choice(const std::string& section, const std::string& key, std::string& target,
                std::vector<std::string> values) {
        on(section, key, [&target, values](const std::string& value) {
            std::string list;
            for (const std::string& one : values) {
                if (one == value) {
                    target = value;
                    return std::string();
                }
                list += (list.empty() ? "" : ", ") + one;
            }
            return "must be one of " + list;
        });
    }
    void cidrs(const std::string& section, const std::string& key, std::vector<Cidr>& target) {
        on(section, key, [&target](const std::string& value) {
            target.clear();
            for (const std::string& item : listOf(value)) {
                auto cidr = Cidr::parse(item);
                if (!cidr) return "not an address or CIDR block: " + oneLine(item, 64);
                target.push_back(*cidr);
            }
            return std::string();
        });
    }
    void chain(const std::string& name, ChainConfig& target) {
        on("auth", name, [&target](const std::string& value) {
            target.plugins = listOf(value);
            if (target.plugins.empty())
                return std::string("must name at least one plugin: nobody could be let in");
            return std::string();
        });
        on("auth", "mode." + name, [&target](const std::string& value) {
            target.all = value == "all";
            return value == "all" || value == "first" ? std::string() : "must be first or all";
        });
    }

    void apply(const std::function<bool(const IniEntry&)>& others) {
        for (const IniEntry& entry : _file.entries()) {
            auto setter = _setters.find(entry.section + '\n' + entry.key);
            if (setter == _setters.end()) {
                if (!others(entry)) problem(entry, "unknown key; " + knownBeside(entry.section));
                continue;
            }
            std::string value = entry.value, wrong;
            if (namesFile(entry.key)) wrong = replaceCredential(value);
            if (wrong.empty()) wrong = setter->second(value);
            if (!wrong.empty()) problem(entry, wrong);
        }
    }
    void problem(const IniEntry& entry, const std::string& message) {
        std::string where = entry.section.empty() ? entry.key : "[" + entry.section + "] " + entry.key;
        _problems.push_back(entry.file + ":" + std::to_string(entry.line) + ": " + where + ": " + message);
    }

private:
    /// What could have been meant: the section's keys, or the sections when there is none of that name.
    std::string knownBeside(const std::string& section) const {
        std::string keys, sections, last;
        for (const auto& [name, setter] : _setters) {
            const std::size_t end = name.find('\n');
            const std::string its = name.substr(0, end);
            if (its == section) keys += (keys.empty() ? "" : ", ") + name.substr(end + 1);
            if (!its.empty() && its != last) sections += (sections.empty() ? "[" : ", [") + its + "]";
            last = its;
        }
        if (keys.empty()) return "there is no such section, only " + sections;
        return (section.empty() ? "before the first section: " : "[" + section + "] has ") + keys;
    }

    const IniFile& _file;
    std::vector<std::string>& _problems;
    std::map<std::string, Setter> _setters;
};

PluginSection& sectionOf(Config& config, const std::string& name) {
    for (PluginSection& section : config.plugins)
        if (section.name == name) return section;
    config.plugins.push_back({});
    config.plugins.back().name = name;
    return config.plugins.back();
}

/// Keys of [plugins.NAME]: five are the host's own, the rest is the plugin's business.
void readPluginKey(Config& config, const IniEntry& entry, Reader& reader) {
    std::string name = entry.section.substr(8);
    if (!isName(name)) return reader.problem(entry, "a plugin's name is [a-z0-9-]{1,63}");
    PluginSection& section = sectionOf(config, name);
    const std::string place = entry.file + ":" + std::to_string(entry.line);
    if (section.place.empty() || entry.key == "path") section.place = place;
    if (entry.key == "path") {
        if (entry.value.empty() || entry.value[0] != '/')
            return reader.problem(entry, "must be an absolute path");
        section.path = entry.value;
    } else if (entry.key == "isolation") {
        if (entry.value != "inproc" && entry.value != "process")
            return reader.problem(entry, "must be inproc or process");
        section.isolated = entry.value == "process";
    } else if (entry.key == "network") {
        if (entry.value != "yes" && entry.value != "no") return reader.problem(entry, "must be yes or no");
        section.network = entry.value == "yes";
    } else if (entry.key == "deadline_ms") {
        auto number = parseInteger(entry.value);
        if (!number || *number < 10 || *number > 1800)
            return reader.problem(entry, "must be a whole number from 10 to 1800");
        section.deadline = std::chrono::milliseconds(*number);
    } else if (entry.key == "database") {
        if (entry.value != "shared" && entry.value != "none")
            return reader.problem(entry, "must be shared or none");
        section.sharedDatabase = entry.value == "shared";
    } else {
        std::string value = entry.value;
        if (entry.key.ends_with("_file"))
            if (std::string wrong = replaceCredential(value); !wrong.empty()) reader.problem(entry, wrong);
        section.keys.emplace_back(entry.key, value);
        section.places.push_back(place);
    }
}

/// Values that are wrong in themselves are named already, and left out here.
void checkFiles(const Config& config, const IniFile& file, std::vector<std::string>& problems) {
    auto where = [&](const char* section, const char* key) {
        const IniEntry* entry = file.find(section, key);
        return (entry ? entry->file + ":" + std::to_string(entry->line) : config.file) + ": [" + section +
               "] ";
    };
    auto readable = [&](const std::string& path, const char* section, const char* key) {
        if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
            problems.push_back(where(section, key) + key + ": cannot read " + path);
    };
    auto program = [&](const std::string& path, const char* key) {
        if (::access(path.c_str(), X_OK) != 0)
            problems.push_back(where("exec", key) + key + ": there is no program at " + path);
    };
    auto together = [&](const char* section, const char* one, const char* other) {
        const bool first = file.find(section, one) != nullptr;
        if (first != (file.find(section, other) != nullptr))
            problems.push_back(where(section, first ? one : other) + one + " and " + other + " go together");
    };
    readable(config.tlsCertificate, "http", "tls_certificate");
    readable(config.tlsKey, "http", "tls_key");
    readable(config.databasePasswordFile, "database", "password_file");
    readable(config.clusterSecretFile, "cluster", "secret_file");
    together("cluster", "address", "secret_file");
    together("http", "tls_certificate", "tls_key");
    if (!config.launcherIsSocket) program(config.launcher, "launcher");
    program(config.leader, "leader");
}

} // namespace

ConfigDefaults findDefaults() {
    ConfigDefaults defaults{USHER_LIBEXECDIR, USHER_PLUGINDIR};
    char self[PATH_MAX];
    ssize_t length = ::readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) return defaults;
    std::string bin(self, static_cast<std::size_t>(length));
    bin.resize(bin.rfind('/'));
    if (::access((bin + "/usher-leader").c_str(), X_OK) == 0) {
        defaults.libexecDir = bin;
        if (::access((bin + "/../plugins").c_str(), X_OK) == 0)
            defaults.pluginDir = absolute(bin + "/../plugins");
    }
    return defaults;
}

ConfigResult readConfig(const std::string& path, const ConfigDefaults& defaults,
                        const std::string& launcher) {
    ConfigResult result;
    Config& config = result.config;
    config.file = absolute(path);
    config.pluginDir = defaults.pluginDir;
    config.launcher = defaults.libexecDir + "/usher-launcher";
    config.leader = defaults.libexecDir + "/usher-leader";
    config.capacity = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));

    IniFile file;
    file.readWithDropIns(path);
    for (const IniProblem& problem : file.problems()) result.problems.push_back(problem.text());

    Reader reader(file, result.problems);
    reader.path("", "state_dir", config.stateDir);
    reader.on("http", "address", [&](const std::string& value) {
        config.address = value;
        const bool good = parseAddress(value.substr(0, value.find('%'))) || isHostName(value);
        return good ? std::string() : std::string("must be an address of this machine, without a port");
    });
    reader.integer("http", "port", config.port, 0, 65535);
    reader.on("http", "public_url", [&](const std::string& value) {
        if (!value.starts_with("http://") && !value.starts_with("https://"))
            return std::string("must begin with http:// or https://");
        config.publicUrl = value;
        while (config.publicUrl.ends_with('/')) config.publicUrl.pop_back();
        return std::string();
    });
    reader.path("http", "tls_certificate", config.tlsCertificate);
    reader.path("http", "tls_key", config.tlsKey);
    reader.cidrs("http", "trusted_proxies", config.trustedProxies);
    reader.integer("http", "max_connections", config.maxConnections, 1, 1'000'000);
    reader.text("database", "url", config.databaseUrl);
    reader.path("database", "password_file", config.databasePasswordFile);
    reader.path("plugins", "dir", config.pluginDir);
    reader.chain("trigger", config.trigger);
    reader.chain("run", config.run);
    reader.chain("manage", config.manage);
    reader.cidrs("auth", "throttle_exempt", config.throttleExempt);
    reader.path("exec", "launcher", config.launcher);
    reader.path("exec", "leader", config.leader);
    reader.text("exec", "sandbox", config.sandbox);
    reader.integer("exec", "capacity", config.capacity, 0, 10'000);
    reader.integer("queue", "limit", config.queueLimit, 1, 100'000'000);
    reader.integer("audit", "keep_days", config.auditKeepDays, 0, 36'500);
    reader.choice("log", "level", config.logLevel, {"error", "warning", "information", "debug"});
    // exec/ExecConfig reads them, as it does `sandbox`, and says what is wrong with them.
    std::string ignored;
    for (const char* key : {"uid_range", "output_cap_bytes", "cancel_grace_seconds", "memory_limit_bytes",
                            "file_limit_bytes", "artifact_cap_bytes", "artifact_cap_files", "exec_allow"})
        reader.text("exec", key, ignored);
    reader.on("cluster", "address", [&](const std::string& value) {
        const std::size_t colon = value.rfind(':');
        const auto port = colon == std::string::npos ? std::nullopt : parseInteger(value.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535 || colon == 0)
            return std::string("must be HOST:PORT, under which the other nodes reach this one");
        const std::string host = value.substr(0, colon);
        if (host == "0.0.0.0" || host == "[::]" || host == "::" || host == "*")
            return std::string("must be the address of this node: others are told it");
        config.clusterAddress = value;
        return std::string();
    });
    reader.on("auth", "shadow", [&](const std::string& value) {
        config.shadow = value;
        return isName(value) ? std::string() : std::string("must be a plugin's name, [a-z0-9-]{1,63}");
    });
    reader.path("cluster", "secret_file", config.clusterSecretFile);
    reader.integer("retention", "keep_days", config.keepDays, 0, 36'500);
    reader.integer("retention", "keep_runs", config.keepRuns, 0, 1'000'000'000);
    reader.path("secrets", "key_file", config.secretsKeyFile);
    reader.on("webhooks", "allow", [&](const std::string& value) {
        config.webhooksAllow = listOf(value);
        for (const std::string& item : config.webhooksAllow)
            if (!Cidr::parse(item) && !isHostName(item))
                return "neither a host nor an address or CIDR block: " + oneLine(item, 64);
        return std::string();
    });

    std::set<std::string> types(kTestTypes.begin(), kTestTypes.end());
    reader.apply([&](const IniEntry& entry) {
        if (entry.section.starts_with("plugins.")) {
            readPluginKey(config, entry, reader);
            return true;
        }
        if (entry.section != "exec" || !entry.key.starts_with("interpreter.")) return false;
        types.insert(entry.key.substr(12, entry.key.find('.', 12) - 12));
        return true;
    });
    if (!launcher.empty()) config.launcher = launcher;
    config.testTypes.assign(types.begin(), types.end());
    if (config.databaseUrl.empty()) config.databaseUrl = "sqlite://" + config.stateDir + "/usher.db";
    config.launcherIsSocket = config.launcher.ends_with(".sock") || config.launcher.ends_with(".socket");

    std::vector<std::string> order;
    for (const ChainConfig* chain : {&config.manage, &config.run, &config.trigger})
        for (const std::string& name : chain->plugins) {
            if (!isName(name)) {
                result.problems.push_back(
                    config.file + ": [auth]: a plugin's name is [a-z0-9-]{1,63}: " + oneLine(name, 64));
                continue;
            }
            sectionOf(config, name);
            order.push_back(name);
        }
    if (!config.shadow.empty() && isName(config.shadow)) {
        sectionOf(config, config.shadow);
        order.push_back(config.shadow);
    }
    // Started in this order: who guards the management first, for the tables of the others may refer to its
    // users.
    auto rank = [&](const PluginSection& s) {
        return std::find(order.begin(), order.end(), s.name) - order.begin();
    };
    std::stable_sort(config.plugins.begin(), config.plugins.end(),
                     [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    for (PluginSection& section : config.plugins)
        if (section.path.empty()) section.path = config.pluginDir + "/" + section.name + ".so";
    checkFiles(config, file, result.problems);
    checkPluginFiles(config, file, result.problems);
    return result;
}

} // namespace usher
