#pragma once

#include "usher/auth.hpp"

#include <string>
#include <vector>

namespace usher::session {

/// What the section [plugins.session] says, checked. Throws auth::ConfigError with a text for the operator.
struct Settings {
    std::string databaseUrl, databasePassword;
    std::string secret;       ///< signs cookies
    std::string cookiePrefix; ///< "better-auth"
    std::string stateDir;     ///< the daemon's: setup-token is put there

    static Settings read(const auth::Host& host, const auth::Config& config);
    static std::vector<auth::ConfigKey> keys();
};

} // namespace usher::session
