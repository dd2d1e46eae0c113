#include "session/Settings.h"

#include "common/Crypto.h"
#include "session/PrivateFile.h"

namespace usher::session {

namespace {

using auth::ConfigError;

constexpr std::size_t kGoodSecret = 32;

void readDatabase(Settings& settings, const auth::Host& host, const auth::Config& config) {
    if (config.text("database", "shared") != "shared")
        throw ConfigError("the key database has one value: shared, the daemon's own database");
    settings.databaseUrl = host.secret("database.url").value_or("");
    settings.databasePassword = host.secret("database.password").value_or("");
    if (settings.databaseUrl.empty())
        throw ConfigError("no database: write `database = shared` in the section [plugins.session]");
}

/// On SQLite there is one node, which may make its own secret; nodes that share a database must share the
/// secret too.
std::string ownSecret(const auth::Host& host) {
    const std::string folder = host.pluginDir();
    if (folder.empty())
        throw ConfigError("secret_file is missing, and the host has no folder for a secret of our own");
    const std::string path = folder + "/session-secret";
    if (const std::optional<std::string> secret = readPrivateFile(path); secret && !secret->empty())
        return *secret;
    const std::string secret = plugin::toBase64Url(plugin::randomBytes(32));
    writePrivateFile(path, secret + "\n");
    host.log(USHER_LOG_INFO, "made the secret that signs cookies: " + path);
    return secret;
}

bool isCookieName(std::string_view text) {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               std::string_view::npos;
}

} // namespace

Settings Settings::read(const auth::Host& host, const auth::Config& config) {
    Settings settings;
    readDatabase(settings, host, config);
    settings.cookiePrefix = config.text("cookie_prefix", "better-auth");
    if (!isCookieName(settings.cookiePrefix))
        throw ConfigError("cookie_prefix must be 1 to 64 letters, digits, '-', '_' or '.'");
    settings.stateDir = host.daemonDir();
    if (settings.stateDir.empty()) throw ConfigError("the host has no state folder for the file setup-token");

    if (std::optional<std::string> secret = host.secret("secret")) {
        if (secret->empty()) throw ConfigError("the file that secret_file names is empty");
        if (secret->size() < kGoodSecret)
            host.log(USHER_LOG_WARNING, "the secret that signs cookies has fewer than 32 characters");
        settings.secret = *secret;
    } else if (config.find("secret_file")) {
        throw ConfigError("the file that secret_file names cannot be read");
    } else if (settings.databaseUrl.rfind("sqlite:", 0) == 0) {
        settings.secret = ownSecret(host);
    } else {
        throw ConfigError(
            "secret_file is missing in the section [plugins.session]: on PostgreSQL all nodes must sign "
            "cookies with the same secret, so none is made");
    }
    return settings;
}

std::vector<auth::ConfigKey> Settings::keys() {
    return {{"database", USHER_KEY_TEXT, "shared", "where users are: shared, the daemon's own database"},
            {"secret_file", USHER_KEY_FILE, "",
             "file with the secret that signs cookies, 32 characters or more, the same on every node; made "
             "by itself "
             "on SQLite"},
            {"cookie_prefix", USHER_KEY_TEXT, "better-auth", "what the names of the cookies begin with"}};
}

} // namespace usher::session
