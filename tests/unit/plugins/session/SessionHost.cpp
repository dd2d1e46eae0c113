#include "SessionHost.h"

#include <cppunit/TestAssert.h>

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>

namespace usher::test {

using auth::str;
using auth::view;

struct SessionHost::Call {
    std::string action, method, target, body, deadlineText;
    Headers headers, attributes;
    std::vector<usher_field> rawHeaders, rawAttributes;
    usher_request request{};
    usher_call handle = 0;
    bool judged = false, answered = false;
    Judged verdict;
    Reply reply;
};

/// The C tables; `host` is the first member, so that a pointer to it leads back here.
struct SessionHost::C {
    usher_host host{};
    SessionHost* self = nullptr;
    usher_secrets secrets{};
    usher_state_dir dirs{};
    usher_audit audit{};
    usher_http_routes_host routes{};
    std::string pluginDir, daemonDir;

    static C& of(const usher_host* host) { return *reinterpret_cast<C*>(const_cast<usher_host*>(host)); }

    static usher_status complete(const usher_host* host, usher_call call, const usher_verdict* verdict) {
        SessionHost& self = *of(host).self;
        std::lock_guard lock(self._mutex);
        auto found = self._calls.find(call);
        if (found == self._calls.end() || found->second->judged) return USHER_STALE;
        Judged& judged = found->second->verdict;
        judged.decision = verdict->decision;
        judged.status = verdict->http_status;
        judged.code = view(verdict->code);
        judged.message = view(verdict->public_message);
        judged.principal = view(verdict->principal_id);
        judged.role = view(verdict->principal_role);
        for (size_t i = 0; i < verdict->header_count; ++i)
            judged.headers.emplace_back(view(verdict->headers[i].name), view(verdict->headers[i].value));
        found->second->judged = true;
        self._changed.notify_all();
        return USHER_OK;
    }
    static usher_status respond(const usher_host* host, usher_call call,
                                const usher_http_response* response) {
        SessionHost& self = *of(host).self;
        std::lock_guard lock(self._mutex);
        auto found = self._calls.find(call);
        if (found == self._calls.end() || found->second->answered) return USHER_STALE;
        Reply& reply = found->second->reply;
        reply.status = response->status;
        reply.body = Json::parse(view(response->body));
        for (size_t i = 0; i < response->header_count; ++i)
            reply.headers.emplace_back(view(response->headers[i].name), view(response->headers[i].value));
        found->second->answered = true;
        self._changed.notify_all();
        return USHER_OK;
    }
    static usher_status retain(const usher_host*, usher_call) { return USHER_OK; }
    static void release(const usher_host*, usher_call) {}
    static void log(const usher_host* host, int32_t, usher_call, usher_str message, const usher_field*,
                    size_t) {
        SessionHost& self = *of(host).self;
        std::lock_guard lock(self._mutex);
        self._log.emplace_back(view(message));
    }
    static const void* extension(const usher_host* host, const char* id) {
        C& c = of(host);
        if (!std::strcmp(id, USHER_EXT_SECRETS)) return &c.secrets;
        if (!std::strcmp(id, USHER_EXT_STATE_DIR)) return &c.dirs;
        if (!std::strcmp(id, USHER_EXT_AUDIT)) return &c.audit;
        if (!std::strcmp(id, USHER_EXT_HTTP_ROUTES)) return &c.routes;
        return nullptr;
    }
    static usher_status secret(const usher_host* host, usher_str name, char* buffer, size_t capacity,
                               size_t* length) {
        const Options& options = of(host).self->options;
        std::string value;
        if (view(name) == "database.url") value = options.url;
        const bool hasFile = std::any_of(options.config.begin(), options.config.end(),
                                         [](const auto& key) { return key.first == "secret_file"; });
        if (view(name) == "secret" && hasFile) value = options.secret;
        if (value.empty()) return USHER_INVALID;
        *length = value.size();
        if (value.size() > capacity) return USHER_NO_MEMORY;
        std::memcpy(buffer, value.data(), value.size());
        return USHER_OK;
    }
    static usher_str pluginFolder(const usher_host* host) { return str(of(host).pluginDir); }
    static usher_str daemonFolder(const usher_host* host) { return str(of(host).daemonDir); }
    static usher_status record(const usher_host* host, const usher_audit_record* r) {
        SessionHost& self = *of(host).self;
        std::ostringstream line;
        line << view(r->actor) << ' ' << view(r->action) << ' ' << view(r->resource) << ' '
             << view(r->decision) << ' ' << view(r->code) << ' ' << view(r->detail);
        std::lock_guard lock(self._mutex);
        self._audit.push_back(line.str());
        return USHER_OK;
    }
};

namespace {

bool matches(std::string_view pattern, std::string_view path, std::string& id) {
    while (!pattern.empty() || !path.empty()) {
        if (pattern.empty() || path.empty()) return false;
        if (pattern.front() == '{') {
            const std::size_t end = std::min(path.find('/'), path.size());
            id = path.substr(0, end);
            pattern.remove_prefix(pattern.find('}') + 1);
            path.remove_prefix(end);
        } else if (pattern.front() == path.front()) {
            pattern.remove_prefix(1);
            path.remove_prefix(1);
        } else {
            return false;
        }
    }
    return true;
}

Headers queryOf(std::string_view query) {
    Headers out;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        const std::size_t equals = std::min(pair.find('='), pair.size());
        out.emplace_back(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return out;
}

std::vector<usher_field> raw(const Headers& fields) {
    std::vector<usher_field> out;
    for (const auto& [name, value] : fields) out.push_back({str(name), str(value)});
    return out;
}

} // namespace

std::vector<std::string> Reply::setCookies() const {
    std::vector<std::string> out;
    for (const auto& [name, value] : headers)
        if (name == "Set-Cookie") out.push_back(value);
    return out;
}

std::string Reply::cookie(const std::string& name) const {
    for (const std::string& cookie : setCookies())
        if (cookie.compare(0, name.size() + 1, name + "=") == 0) return cookie.substr(0, cookie.find(';'));
    return "";
}

std::string Reply::header(const std::string& name) const {
    for (const auto& [key, value] : headers)
        if (key == name) return value;
    return "";
}

SessionHost::SessionHost(Options wanted) : options(std::move(wanted)), _c(std::make_unique<C>()) {
    void* file = ::dlopen(USHER_SESSION_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (!file) CPPUNIT_FAIL(::dlerror());
    _entry = static_cast<const usher_auth_entry*>(::dlsym(file, "usher_auth_entry_v1"));
    _c->self = this;
    _c->host = {sizeof(usher_host), 0, &C::complete, &C::retain, &C::release, &C::log, &C::extension};
    _c->secrets = {sizeof(usher_secrets), 0, &C::secret};
    _c->dirs = {sizeof(usher_state_dir), 0, &C::pluginFolder, &C::daemonFolder};
    _c->audit = {sizeof(usher_audit), 0, &C::record};
    _c->routes = {sizeof(usher_http_routes_host), 0, &C::respond};
    _c->daemonDir = options.folder;
    _c->pluginDir = options.folder + "/plugin";
    ::mkdir(options.folder.c_str(), 0700);
    ::mkdir(_c->pluginDir.c_str(), 0700);
}

SessionHost::~SessionHost() {
    if (!_self) return;
    _entry->ops->stop(_self);
    _entry->ops->destroy(_self);
}

usher_status SessionHost::create() {
    const std::vector<usher_field> config = raw(options.config);
    return _entry->ops->create(&_c->host, config.data(), config.size(), &_self);
}

usher_status SessionHost::start() {
    return _entry->ops->start(_self);
}

void SessionHost::up() {
    const bool up = create() == USHER_OK && start() == USHER_OK;
    CPPUNIT_ASSERT_MESSAGE(log().empty() ? "create or start failed" : log().back(), up);
}

std::shared_ptr<SessionHost::Call> SessionHost::open(const std::string& action, const std::string& method,
                                                     const std::string& target, const std::string& body,
                                                     const Headers& headers) {
    auto call = std::make_shared<Call>();
    call->action = action, call->method = method, call->target = target, call->body = body,
    call->headers = headers;
    call->attributes = {{"client_address", options.address}, {"port", options.port}};
    if (!options.publicUrl.empty()) call->attributes.emplace_back("public_url", options.publicUrl);
    for (auto it = call->headers.begin();
         it != call->headers.end();) { // not a header: how the test says "over https"
        const bool secure = it->first == "secure";
        if (secure) call->attributes.emplace_back("secure", "1");
        it = secure ? call->headers.erase(it) : it + 1;
    }
    call->rawHeaders = raw(call->headers);
    call->rawAttributes = raw(call->attributes);
    usher_request& r = call->request;
    r.size = sizeof r;
    r.request_id = str("req-1"), r.action = str(call->action), r.method = str(call->method);
    r.target = str(call->target), r.peer_address = str("127.0.0.1"), r.body = str(call->body);
    r.headers = call->rawHeaders.data(), r.header_count = call->rawHeaders.size();
    r.attributes = call->rawAttributes.data(), r.attribute_count = call->rawAttributes.size();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    r.deadline_ns = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count());
    std::lock_guard lock(_mutex);
    call->handle = _next++;
    _calls[call->handle] = call;
    return call;
}

Judged SessionHost::ask(const std::shared_ptr<Call>& call) {
    _entry->ops->check(_self, call->handle, &call->request);
    std::unique_lock lock(_mutex);
    CPPUNIT_ASSERT(_changed.wait_for(lock, std::chrono::seconds(60), [&] { return call->judged; }));
    return call->verdict;
}

Judged SessionHost::check(const std::string& action, const std::string& method, const Headers& headers) {
    return ask(open(action, method, "/", "", headers));
}

Reply SessionHost::send(const std::string& method, const std::string& target, const Json& body,
                        const Headers& headers) {
    Headers all = headers;
    if (!body.is_null()) all.emplace_back("content-type", "application/json");
    return sendRaw(method, target, body.is_null() ? "" : body.dump(), all);
}

Reply SessionHost::sendRaw(const std::string& method, const std::string& target, const std::string& body,
                           const Headers& headers) {
    const auto* routes =
        static_cast<const usher_http_routes*>(_entry->ops->get_extension(_self, USHER_EXT_HTTP_ROUTES));
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string path = target.substr(0, mark);
    std::string id;
    std::size_t route = 0;
    while (route < routes->route_count && !(view(routes->routes[route].method) == method &&
                                            matches(view(routes->routes[route].path), path, id)))
        ++route;
    CPPUNIT_ASSERT_MESSAGE("no route " + method + " " + path, route < routes->route_count);

    auto call = open(std::string(view(routes->routes[route].action)), method, target, body, headers);
    const Judged verdict = ask(call);
    Reply refused;
    if (verdict.decision != USHER_ALLOW) {
        refused.status = verdict.status                      ? verdict.status
                         : verdict.decision == USHER_DENY    ? 403
                         : verdict.decision == USHER_ABSTAIN ? 401
                                                             : 503;
        refused.code = verdict.code;
        refused.title = verdict.message.substr(0, verdict.message.find('\n'));
        refused.headers = verdict.headers;
        return refused;
    }
    const Headers query = queryOf(std::string_view(target).substr(std::min(mark + 1, target.size())));
    const std::vector<usher_field> rawQuery = raw(query);
    const usher_field param{str("id"), str(id)};
    usher_http_request http{};
    http.size = sizeof http;
    http.route = static_cast<std::uint32_t>(route);
    http.request = &call->request;
    http.principal_id = str(verdict.principal), http.principal_role = str(verdict.role);
    http.params = &param, http.param_count = 1;
    http.query = rawQuery.data(), http.query_count = rawQuery.size();
    routes->handle(_self, call->handle, &http);
    std::unique_lock lock(_mutex);
    CPPUNIT_ASSERT(_changed.wait_for(lock, std::chrono::seconds(60), [&] { return call->answered; }));
    Reply reply = call->reply;
    for (const auto& header : verdict.headers) reply.headers.push_back(header); // as the host does
    if (reply.body.is_object() && reply.body.contains("error")) {
        reply.title = reply.body["error"];
        reply.code = reply.body["code"];
    }
    return reply;
}

const usher_http_routes& SessionHost::routes() const {
    return *static_cast<const usher_http_routes*>(_entry->ops->get_extension(_self, USHER_EXT_HTTP_ROUTES));
}

const usher_config_schema& SessionHost::schema() const {
    // Asked for before there is an instance.
    return *static_cast<const usher_config_schema*>(
        _entry->ops->get_extension(nullptr, USHER_EXT_CONFIG_SCHEMA));
}

bool SessionHost::healthy() const {
    const auto* table = static_cast<const usher_health*>(_entry->ops->get_extension(_self, USHER_EXT_HEALTH));
    char reason[200];
    std::size_t length = 0;
    return table->check(_self, reason, sizeof reason, &length) == USHER_OK;
}

std::vector<std::string> SessionHost::log() const {
    std::lock_guard lock(_mutex);
    return _log;
}

std::vector<std::string> SessionHost::audit() const {
    std::lock_guard lock(_mutex);
    return _audit;
}

} // namespace usher::test

// auth.hpp makes the tables of a plugin's extensions once and keeps them as long as the file is loaded;
// LeakSanitizer does not look for them in a file that was loaded with dlopen().
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:usher::auth::Adapter";
}
