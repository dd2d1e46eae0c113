#include "session/SessionPlugin.h"

#include "session/Schema.h"

#include <unistd.h>

#include <array>

namespace usher::session {

namespace {

/// One for each of the host's check threads, one for each thread that hashes.
constexpr std::size_t kConnections = 6;
constexpr std::uint32_t kBodyLimit = 1u << 20; // of every path but triggers

enum RouteIndex : std::uint32_t {
    kSignIn,
    kSignOut,
    kGetSession,
    kSetup,
    kListUsers,
    kCreateUser,
    kChangeUser,
    kListSessions,
    kRevokeSession
};

plugin::Turn turnOf(const auth::Host& host) {
    if (!host.hasTurn()) return {};
    return {[host](plugin::Deadline deadline) { return host.acquireTurn(deadline); },
            [host] { host.releaseTurn(); }};
}

std::string nodeName() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

/// Those that hash a password, so that no check thread does.
bool hashes(std::uint32_t route) {
    return route == kSignIn || route == kSetup || route == kCreateUser || route == kChangeUser;
}

} // namespace

SessionPlugin::Parts::Parts(SessionPlugin& plugin, Naming naming)
    : dialect(plugin._database->kind(), naming), users(*plugin._database, dialect),
      sessions(*plugin._database, dialect),
      setupToken(*plugin._database, dialect, users, plugin._settings.stateDir, nodeName()),
      judge(sessions, plugin._cookies,
            [host = plugin.host()](const std::string& line) { host.log(USHER_LOG_WARNING, line); }),
      signIn(users, sessions, plugin._cookies, judge, plugin._throttle, plugin.auditor()),
      userPages(users, sessions, setupToken, plugin.auditor()) {}

SessionPlugin::SessionPlugin(auth::Host host, const auth::Config& config)
    : Plugin(host), _settings(Settings::read(host, config)),
      _cookies(_settings.secret, _settings.cookiePrefix),
      _database(plugin::openDatabase(_settings.databaseUrl, _settings.databasePassword, kConnections,
                                     turnOf(host))),
      _throttle([] { return std::chrono::steady_clock::now(); }) {
    config.expectOnly({"database", "secret_file", "cookie_prefix"});
}

SessionPlugin::~SessionPlugin() {
    _passwordThreads.stop();
}

void SessionPlugin::start() {
    _parts = std::make_unique<Parts>(*this, prepareSchema(*_database));
    _parts->setupToken.prepare(std::chrono::steady_clock::now() + std::chrono::seconds(10),
                               [this](const std::string& line) { host().log(USHER_LOG_INFO, line); });
    _passwordThreads.start();
}

void SessionPlugin::stop() {
    _passwordThreads.stop();
}

bool SessionPlugin::healthy(std::string& reason) {
    return _database->healthy(reason);
}

void SessionPlugin::check(auth::Call call, const auth::Request& request) {
    call.complete(_parts->judge.judge(request));
}

void SessionPlugin::handle(auth::HttpCall call, const auth::HttpRequest& request) {
    const std::uint32_t route = request.route();
    Ask ask(request, _cookies);
    if (hashes(route)) {
        _passwordThreads.post(std::move(call), std::move(ask),
                              [this, route](const Ask& asked) { return serve(route, asked); });
        return;
    }
    call.respond(serve(route, ask));
}

/// The edge at which what was thrown becomes an answer.
auth::HttpResponse SessionPlugin::serve(std::uint32_t route, const Ask& ask) try {
    switch (route) {
    case kSignIn:
        return _parts->signIn.signIn(ask);
    case kSignOut:
        return _parts->signIn.signOut(ask);
    case kGetSession:
        return _parts->signIn.getSession(ask);
    case kSetup:
        return _parts->userPages.setUp(ask);
    case kListUsers:
        return _parts->userPages.list(ask);
    case kCreateUser:
        return _parts->userPages.create(ask);
    case kChangeUser:
        return _parts->userPages.change(ask);
    case kListSessions:
        return _parts->userPages.listSessions(ask);
    case kRevokeSession:
        return _parts->userPages.revokeSession(ask);
    default:
        return refuse(ask, 404, "NOT_FOUND", "Not found", "This plugin has no such route.");
    }
} catch (const plugin::DatabaseUnavailable& error) {
    host().log(USHER_LOG_WARNING, error.what(), 0, {{"request", ask.requestId}});
    return storageUnavailable(ask);
} catch (const std::exception& error) {
    host().log(USHER_LOG_ERROR, error.what(), 0, {{"request", ask.requestId}});
    return refuse(ask, 500, "INTERNAL", "Internal error", "The log of this server says more.");
}

Audit SessionPlugin::auditor() {
    // A full queue is the host's to count: a sign-in does not fail for it.
    return [host = host()](const auth::AuditRecord& record) { host.audit(record); };
}

std::vector<auth::Route> SessionPlugin::routes() {
    // In the order of RouteIndex.
    return {{"POST", "/api/auth/sign-in/email", "session.create", "", kBodyLimit},
            {"POST", "/api/auth/sign-out", "session.delete", "", kBodyLimit},
            {"GET", "/api/auth/get-session", "session.read", "", 0},
            {"POST", "/api/auth/setup", "setup.create", "", kBodyLimit},
            {"GET", "/api/users", "user.list", "", 0},
            {"POST", "/api/users", "user.create", "", kBodyLimit},
            {"PATCH", "/api/users/{id}", "user.update", "id", kBodyLimit},
            {"GET", "/api/sessions", "session.list", "", 0},
            {"DELETE", "/api/sessions/{id}", "session.revoke", "id", kBodyLimit}};
}

} // namespace usher::session
