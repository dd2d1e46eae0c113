/// Part of auth.hpp, which includes it: configuration, HTTP routes, the base class Plugin, and
/// USHER_AUTH_PLUGIN.
#pragma once

#include "../auth.hpp"

#include <charconv>
#include <exception>
#include <limits>
#include <type_traits>

namespace usher::auth {

/// Throw it from the constructor: the daemon does not start and says this to the operator.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The keys of the section [plugins.NAME] that are not the host's own. Lives during the constructor only.
class Config {
public:
    Config(const usher_field* fields, std::size_t count) noexcept : _fields(fields), _count(count) {}

    std::optional<std::string> find(std::string_view key) const {
        for (std::size_t i = 0; i < _count; ++i)
            if (view(_fields[i].name) == key) return std::string(view(_fields[i].value));
        return std::nullopt;
    }
    std::string text(std::string_view key, std::string_view otherwise) const {
        return find(key).value_or(std::string(otherwise));
    }
    std::string text(std::string_view key) const {
        std::optional<std::string> value = find(key);
        if (!value || value->empty()) throw ConfigError("the key " + std::string(key) + " is missing");
        return *value;
    }
    std::int64_t integer(std::string_view key, std::int64_t otherwise,
                         std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
                         std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) const {
        std::optional<std::string> value = find(key);
        if (!value) return otherwise;
        std::int64_t number = 0;
        const char* end = value->data() + value->size();
        auto [at, error] = std::from_chars(value->data(), end, number);
        if (error != std::errc() || at != end || number < minimum || number > maximum)
            throw ConfigError("the key " + std::string(key) + " must be a whole number from " +
                              std::to_string(minimum) + " to " + std::to_string(maximum));
        return number;
    }
    bool boolean(std::string_view key, bool otherwise) const {
        std::optional<std::string> value = find(key);
        if (!value) return otherwise;
        if (*value != "true" && *value != "false")
            throw ConfigError("the key " + std::string(key) + " must be true or false");
        return *value == "true";
    }
    /// Throws for a key that is not in the list.
    void expectOnly(std::initializer_list<std::string_view> known) const {
        for (std::size_t i = 0; i < _count; ++i) {
            bool found = false;
            for (std::string_view key : known) found = found || view(_fields[i].name) == key;
            if (!found) throw ConfigError("unknown key " + std::string(view(_fields[i].name)));
        }
    }

private:
    const usher_field* _fields;
    std::size_t _count;
};

/// One endpoint. The members are string literals or as long-lived as the file. See ext/http-routes.h.
struct Route {
    std::string_view method, path, action, resourceParam = {};
    std::uint32_t bodyLimit = 0;
};

/// One key of the section, for `usherd --check-config`. See ext/config-schema.h.
struct ConfigKey {
    std::string_view name;
    std::int32_t kind = USHER_KEY_TEXT;
    std::string_view defaultValue = {}, description = {};
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
    std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
};

/// A request to one of the plugin's routes, already authorised. Host-owned, valid until it is answered.
class HttpRequest {
public:
    explicit HttpRequest(const usher_http_request* request) noexcept : _request(request) {}

    std::uint32_t route() const noexcept { return _request->route; } ///< index into routes()
    Request request() const noexcept { return Request(_request->request); }
    std::string_view principalId() const noexcept { return view(_request->principal_id); }
    std::string_view principalName() const noexcept { return view(_request->principal_name); }
    std::string_view principalRole() const noexcept { return view(_request->principal_role); }
    /// A {name} of the path; empty when the pattern has none of that name.
    std::string_view param(std::string_view name) const noexcept {
        for (std::size_t i = 0; i < _request->param_count; ++i)
            if (view(_request->params[i].name) == name) return view(_request->params[i].value);
        return {};
    }
    /// The first of that name.
    std::optional<std::string_view> query(std::string_view name) const noexcept {
        for (std::size_t i = 0; i < _request->query_count; ++i)
            if (view(_request->query[i].name) == name) return view(_request->query[i].value);
        return std::nullopt;
    }
    const usher_http_request* raw() const noexcept { return _request; }

private:
    const usher_http_request* _request;
};

struct HttpResponse {
    int status = 200;
    std::string body = {};
    std::string contentType = {}; ///< empty: application/json
    Fields headers = {};          ///< Set-Cookie, Location, Retry-After, Cache-Control, RateLimit-*
};

/// The duty to answer one HTTP request. Move-only; dropped unanswered it answers 500. [any-thread]
class HttpCall {
public:
    HttpCall(const usher_host* host, usher_call call) noexcept : _host(host), _call(call) {}
    HttpCall(HttpCall&& other) noexcept : _host(other._host), _call(std::exchange(other._call, 0)) {}
    HttpCall& operator=(HttpCall&&) = delete;
    ~HttpCall() {
        if (_call != 0) send(500, "{\"error\":\"Internal error\",\"code\":\"INTERNAL\"}", {}, nullptr, 0);
    }
    /// False: too late.
    bool respond(const HttpResponse& response) {
        std::vector<usher_field> headers;
        for (const auto& [name, value] : response.headers) headers.push_back({str(name), str(value)});
        return send(response.status, response.body, response.contentType, headers.data(), headers.size());
    }
    usher_call handle() const noexcept { return _call; }

private:
    bool send(int status, std::string_view body, std::string_view type, const usher_field* headers,
              std::size_t count) noexcept {
        usher_call call = std::exchange(_call, 0);
        const auto* table =
            static_cast<const usher_http_routes_host*>(_host->get_extension(_host, USHER_EXT_HTTP_ROUTES));
        if (call == 0 || !table) return false;
        usher_http_response c{};
        c.size = sizeof c;
        c.status = status;
        c.body = str(body), c.content_type = str(type);
        c.headers = headers, c.header_count = count;
        return table->respond(_host, call, &c) == USHER_OK;
    }
    const usher_host* _host;
    usher_call _call;
};

/// What a plugin derives from. Thread tags as in auth.h. The class also may have, found by name:
///   static constexpr std::uint32_t threadModel;             USHER_SERIAL, USHER_PARALLEL (default), |
///   USHER_NONBLOCKING static std::vector<Route> routes();                     endpoints, served by handle()
///   static std::string openapiPaths();                      a JSON object: the `paths` of these routes
///   static std::vector<ConfigKey> configKeys();             the keys of its section
class Plugin {
public:
    explicit Plugin(Host host) : _host(host) {}
    virtual ~Plugin() = default;
    Plugin(const Plugin&) = delete;
    Plugin& operator=(const Plugin&) = delete;

    /// Threads may begin here, not before. Throw: the daemon does not start. [main]
    virtual void start() {}
    /// Answer through `call`, now or later. What it throws becomes ERROR. [check-thread] or [worker]
    virtual void check(Call call, const Request& request) = 0;
    /// Exactly once after each ALLOW whose complete() was true. [any-thread]
    virtual void settled(usher_call, const Outcome&) {}
    /// The call is over; the Call object may still be dropped or completed, to no effect. [any-thread]
    virtual void cancel(usher_call) {}
    /// Answer every open call, join every thread. [main]
    virtual void stop() {}
    /// Serves routes(). May block. What it throws becomes 500. [check-thread]
    virtual void handle(HttpCall, const HttpRequest&) {}
    /// Of Host::startTimer(); never twice at once. [any-thread]
    virtual void onTimer(usher_timer_id) {}
    /// A new configuration, taken in place; throw: it is refused and the old one holds. Only when overridden;
    /// else the host makes a second instance. [main]
    virtual void reload(const Config&) {}
    /// False with a reason: shown by /readyz. Returns at once. [any-thread]
    virtual bool healthy(std::string& /*reason*/) { return true; }

protected:
    const Host& host() const noexcept { return _host; }

private:
    template <class>
    friend struct Adapter;
    Host _host;
};

/// A thread that blocks every signal, as the host demands of a plugin's threads.
template <class Body>
std::thread startThread(Body&& body) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    try {
        std::thread thread(std::forward<Body>(body));
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return thread;
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
}

} // namespace usher::auth

#include "adapter.hpp"
