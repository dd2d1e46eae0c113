#include "plugin/PluginRoutes.h"

#include "base/Json.h"
#include "base/Text.h"
#include "plugin/CText.h"
#include "plugin/PluginInstance.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace usher {

namespace {

constexpr std::size_t kMaxRoutes = 128, kMaxOpenapi = 1u << 20;
constexpr std::uint32_t kMaxBody = 1u << 20; // what the listener takes at all

bool isLower(char c) {
    return c >= 'a' && c <= 'z';
}

bool isAction(std::string_view action) {
    std::size_t dot = action.find('.');
    if (dot == 0 || dot == std::string_view::npos || dot + 1 == action.size()) return false;
    std::string_view noun = action.substr(0, dot), verb = action.substr(dot + 1);
    return std::all_of(noun.begin(), noun.end(), isLower) &&
           std::all_of(verb.begin(), verb.end(), [](char c) { return isLower(c) || c == '-'; });
}

/// The names in braces; false when the pattern makes no sense.
bool readPattern(std::string_view path, std::vector<std::string>& names) {
    if (path.size() < 2 || path[0] != '/') return false;
    for (const std::string& segment : split(path.substr(1), '/')) {
        std::string_view inner = segment;
        const bool parameter = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
        if (parameter) inner = inner.substr(1, inner.size() - 2);
        const bool plain = !inner.empty() && inner != "." && inner != ".." &&
                           std::all_of(inner.begin(), inner.end(), [](char c) {
                               return isLower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                      c == '-' || c == '_' || c == '.';
                           });
        if (!plain) return false;
        if (parameter && std::find(names.begin(), names.end(), inner) != names.end()) return false;
        if (parameter) names.emplace_back(inner);
    }
    return true;
}

PluginRoute readRoute(const usher_route& raw, const std::string& where) {
    static constexpr std::array<std::string_view, 5> kMethods = {"GET", "POST", "PATCH", "PUT", "DELETE"};
    auto method = readText(raw.method, 16), path = readText(raw.path, 256), action = readText(raw.action, 64),
         parameter = readText(raw.resource_param, 64);
    if (!method || !path || !action || !parameter)
        throw PluginRefused(where + "a route has a text that is too long or missing");
    const std::string what = where + "the route " + oneLine(*method) + " " + oneLine(*path);
    std::vector<std::string> names;
    if (std::find(kMethods.begin(), kMethods.end(), *method) == kMethods.end())
        throw PluginRefused(what + " has an unknown method");
    if (!readPattern(*path, names)) throw PluginRefused(what + " has a path that makes no sense");
    if (!isAction(*action)) throw PluginRefused(what + " has no action such as key.list");
    if (!parameter->empty() && std::find(names.begin(), names.end(), *parameter) == names.end())
        throw PluginRefused(what + " names a resource_param that is not in its path");
    if (raw.body_limit > kMaxBody) throw PluginRefused(what + " has a body_limit over 1 MiB");
    return {std::string(*method), std::string(*path), std::string(*action), std::string(*parameter),
            raw.body_limit};
}

} // namespace

PluginRoutes::PluginRoutes(std::shared_ptr<PluginInstance> shared) : _instance(shared) {
    PluginInstance& instance = *shared;
    constexpr std::size_t required = offsetof(usher_http_routes, handle) + sizeof(usher_http_routes::handle);
    const void* offered = instance.extension(USHER_EXT_HTTP_ROUTES);
    if (!offered) return;
    const std::string where = "plugin " + instance.name() + " (" + instance.plugin().path + "): ";
    auto table = copySized(static_cast<const usher_http_routes*>(offered), required);
    if (!table || !table->handle || (table->route_count > 0 && !table->routes) ||
        table->route_count > kMaxRoutes)
        throw PluginRefused(where + "its usher.http-routes/1 makes no sense");
    if (table->route_count == 0) return;
    // A newer plugin's elements may be longer than ours: the first one says how far apart they stand.
    const std::size_t stride = table->routes->size;
    if (stride < sizeof(usher_route) || stride > 4096 || stride % alignof(usher_route) != 0)
        throw PluginRefused(where + "its usher.http-routes/1 makes no sense");
    for (std::size_t i = 0; i < table->route_count; ++i) {
        usher_route raw{};
        std::memcpy(&raw, reinterpret_cast<const char*>(table->routes) + i * stride, sizeof raw);
        PluginRoute route = readRoute(raw, where);
        for (const PluginRoute& other : _routes)
            if (other.method == route.method && other.path == route.path)
                throw PluginRefused(where + "the route " + route.method + " " + route.path +
                                    " is there twice");
        _routes.push_back(std::move(route));
    }
    if (auto paths = readText(table->openapi_paths, kMaxOpenapi); paths && !paths->empty()) {
        auto parsed = parseJson(*paths);
        if (std::holds_alternative<Json>(parsed) && std::get<Json>(parsed).is_object())
            _openapiPaths = *paths;
        else
            instance.side().say(USHER_LOG_WARNING, "its openapi_paths are no JSON object and are left out");
    }
    instance.serveRoutes(table->handle);
}

void PluginRoutes::moveTo(std::shared_ptr<PluginInstance> instance) {
    Lock lock(_mutex);
    _instance.swap(instance);
}

void PluginRoutes::handle(std::size_t route, std::shared_ptr<const AuthRequest> request, Principal principal,
                          Fields params, Fields query, std::function<void(PluginResponse)> done) {
    if (route >= _routes.size()) return done(unavailableResponse(request->requestId));
    auto question = std::make_unique<RouteQuestion>();
    question->route = static_cast<std::uint32_t>(route);
    question->principal = std::move(principal);
    question->params = std::move(params);
    question->query = std::move(query);
    question->done = std::move(done);
    std::shared_ptr<PluginInstance> instance;
    {
        Lock lock(_mutex);
        instance = _instance;
    }
    instance->handle(std::move(question), std::move(request));
}

} // namespace usher
