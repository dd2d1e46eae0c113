#pragma once

#include "common/Database.h"
#include "session/PasswordThreads.h"
#include "session/Settings.h"
#include "session/Users.h"

#include "usher/auth.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace usher::session {

/// The plugin as the host sees it: check() says who asks, handle() serves sign-in, users and sessions. Owns
/// everything; the stores appear in start(), when the database's naming is known.
class SessionPlugin : public auth::Plugin {
public:
    static constexpr std::uint32_t threadModel = USHER_PARALLEL;

    SessionPlugin(auth::Host host, const auth::Config& config);
    ~SessionPlugin() override;

    void start() override;
    void check(auth::Call call, const auth::Request& request) override;
    void handle(auth::HttpCall call, const auth::HttpRequest& request) override;
    void stop() override;
    bool healthy(std::string& reason) override;

    static std::vector<auth::Route> routes();
    static std::string openapiPaths();
    static std::vector<auth::ConfigKey> configKeys() { return Settings::keys(); }

private:
    /// What needs the database's naming.
    struct Parts {
        Parts(SessionPlugin& plugin, Naming naming);
        Dialect dialect;
        UserStore users;
        SessionStore sessions;
        SetupToken setupToken;
        Judge judge;
        SignIn signIn;
        Users userPages;
    };
    auth::HttpResponse serve(std::uint32_t route, const Ask& ask);
    Audit auditor();

    const Settings _settings;
    const Cookies _cookies;
    const std::unique_ptr<plugin::Database> _database;
    Throttle _throttle;
    std::unique_ptr<Parts> _parts;
    PasswordThreads _passwordThreads; ///< last: its threads use everything above
};

} // namespace usher::session
