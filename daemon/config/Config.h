#pragma once

#include "base/Address.h"
#include "domain/Authenticator.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace usher {

/// One section [plugins.NAME].
struct PluginSection {
    std::string name;
    std::string path;      ///< default: DIR/NAME.so
    bool isolated = false; ///< isolation = process
    bool network = true;   ///< isolated: may it use the network?
    std::chrono::milliseconds deadline{1500};
    bool sharedDatabase = true;
    Fields keys;                     ///< the plugin's own
    std::string place;               ///< "FILE:LINE" of its path, else of its first line; may be empty
    std::vector<std::string> places; ///< the same for each of `keys`
};

/// Which plugins answer which actions, in order.
struct ChainConfig {
    std::vector<std::string> plugins;
    bool all = false; ///< every one must allow; else the first that does not abstain decides
};

/// Everything an operator decides, validated. Where a value is not given, the default stands here.
struct Config {
    std::string file; ///< absolute; the launcher reads the same one
    std::string stateDir = "/var/lib/usher";

    std::string address = "127.0.0.1";
    int port = 8321;
    std::string publicUrl;
    std::string tlsCertificate, tlsKey;
    std::vector<Cidr> trustedProxies;
    int maxConnections = 20'000;

    std::string databaseUrl; ///< default: sqlite:///<stateDir>/usher.db
    std::string databasePasswordFile;

    std::string pluginDir;
    std::vector<PluginSection> plugins;
    ChainConfig trigger{{"api-key"}, false};
    ChainConfig run{{"api-key", "session"}, false};
    ChainConfig manage{{"session"}, false};
    std::string shadow; ///< a plugin that is asked beside the chains and never decides; empty: none
    std::vector<Cidr> throttleExempt;

    std::string launcher; ///< a program, or the socket of a launcher that runs as a service
    bool launcherIsSocket = false;
    std::string leader;
    std::string sandbox = "basic";
    int capacity = 0; ///< default: number of cores
    std::vector<std::string> testTypes;

    std::string clusterAddress; ///< "host:port" where other nodes reach this one; empty: they do not
    std::string clusterSecretFile;

    std::int64_t queueLimit = 100'000;
    int keepDays = 0;                       ///< of ended runs; 0: for ever
    int keepRuns = 0;                       ///< of each job; 0: any number
    std::string secretsKeyFile;             ///< empty: jobs have no secrets
    std::vector<std::string> webhooksAllow; ///< hosts, addresses and blocks beyond public ones
    int auditKeepDays = 365;                ///< 0: for ever
    std::string logLevel = "information";
};

/// Where programs and plugins lie when the configuration does not say.
struct ConfigDefaults {
    std::string libexecDir; ///< usher-launcher, usher-leader
    std::string pluginDir;
};

/// Beside the running program in a build tree, else where they were installed.
ConfigDefaults findDefaults();

struct ConfigResult {
    Config config;
    std::vector<std::string> problems; ///< all of them, each "FILE:LINE: message"; empty: the config is good
};

/// Reads the file and conf.d/*.conf beside it. Unknown keys, wrong values and missing files are problems,
/// reported all at once; nothing is changed on disk. What others read is theirs to judge: ConfigCheck.h.
/// `launcher`, when given, stands for [exec] launcher. A path `credential:NAME` is the file that the service
/// manager hands over by that name (LoadCredential= in the unit).
ConfigResult readConfig(const std::string& path, const ConfigDefaults& defaults,
                        const std::string& launcher = {});

} // namespace usher
