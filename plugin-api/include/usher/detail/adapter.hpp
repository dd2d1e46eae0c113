/// Part of auth.hpp, which includes it: the C table over a class derived from Plugin. Every function is a
/// barrier: an exception ends here, because past the host's frames it would end the process.
#pragma once

#include "plugin.hpp"

#include <cstring>

namespace usher::auth {

template <class P>
struct Adapter {
    template <class T, class = void>
    struct ThreadModel : std::integral_constant<std::uint32_t, USHER_PARALLEL> {};
    template <class T>
    struct ThreadModel<T, std::void_t<decltype(T::threadModel)>>
        : std::integral_constant<std::uint32_t, T::threadModel> {};
    template <class T, class = void>
    struct HasRoutes : std::false_type {};
    template <class T>
    struct HasRoutes<T, std::void_t<decltype(T::routes())>> : std::true_type {};
    template <class T, class = void>
    struct HasOpenapi : std::false_type {};
    template <class T>
    struct HasOpenapi<T, std::void_t<decltype(T::openapiPaths())>> : std::true_type {};
    template <class T, class = void>
    struct HasKeys : std::false_type {};
    template <class T>
    struct HasKeys<T, std::void_t<decltype(T::configKeys())>> : std::true_type {};

    // Overridden? A private override cannot be named here, and is one all the same.
    template <class T, class = void>
    struct Settles : std::true_type {};
    template <class T>
    struct Settles<T,
                   std::enable_if_t<std::is_same<decltype(&T::settled), decltype(&Plugin::settled)>::value>>
        : std::false_type {};
    template <class T, class = void>
    struct Cancels : std::true_type {};
    template <class T>
    struct Cancels<T, std::enable_if_t<std::is_same<decltype(&T::cancel), decltype(&Plugin::cancel)>::value>>
        : std::false_type {};

    template <class T, class = void>
    struct Ticks : std::true_type {};
    template <class T>
    struct Ticks<T, std::enable_if_t<std::is_same<decltype(&T::onTimer), decltype(&Plugin::onTimer)>::value>>
        : std::false_type {};
    template <class T, class = void>
    struct Reloads : std::true_type {};
    template <class T>
    struct Reloads<T, std::enable_if_t<std::is_same<decltype(&T::reload), decltype(&Plugin::reload)>::value>>
        : std::false_type {};

    // As the base: what a class overrides in its private part is called all the same.
    static Plugin& of(void* self) noexcept { return *static_cast<P*>(self); }
    static const Host& hostOf(void* self) noexcept { return of(self)._host; }

    static void report(const usher_host* host, usher_call call, const char* where,
                       const char* what) noexcept {
        usher_field field{str("in"), str(where)};
        host->log(host, USHER_LOG_ERROR, call, str(what), &field, 1);
    }
    /// Runs `body`; false after an exception, which is logged.
    template <class Body>
    static bool guarded(const usher_host* host, usher_call call, const char* where, Body&& body) noexcept {
        try {
            body();
            return true;
        } catch (const std::exception& error) {
            report(host, call, where, error.what());
        } catch (...) {
            report(host, call, where, "an exception that is no std::exception");
        }
        return false;
    }

    static usher_status create(const usher_host* host, const usher_field* config, std::size_t count,
                               void** self) noexcept {
        bool done = guarded(host, 0, "create", [&] { *self = new P(Host(host), Config(config, count)); });
        return done ? USHER_OK : USHER_FAILED;
    }
    static usher_status start(void* self) noexcept {
        return guarded(hostOf(self).raw(), 0, "start", [&] { of(self).start(); }) ? USHER_OK : USHER_FAILED;
    }
    static void check(void* self, usher_call call, const usher_request* request) noexcept {
        const usher_host* host = hostOf(self).raw();
        guarded(host, call, "check", [&] { of(self).check(Call(host, call), Request(request)); });
    }
    static void settled(void* self, usher_call call, const usher_outcome* outcome) noexcept {
        guarded(hostOf(self).raw(), call, "settled", [&] {
            of(self).settled(call, Outcome{outcome->kind, view(outcome->run_id)});
        });
    }
    static void cancel(void* self, usher_call call) noexcept {
        guarded(hostOf(self).raw(), call, "cancel", [&] { of(self).cancel(call); });
    }
    static void stop(void* self) noexcept {
        guarded(hostOf(self).raw(), 0, "stop", [&] { of(self).stop(); });
    }
    static void destroy(void* self) noexcept {
        const usher_host* host = hostOf(self).raw();
        guarded(host, 0, "destroy", [&] { delete static_cast<P*>(self); });
    }
    static void handle(void* self, usher_call call, const usher_http_request* request) noexcept {
        const usher_host* host = hostOf(self).raw();
        guarded(host, call, "handle", [&] { of(self).handle(HttpCall(host, call), HttpRequest(request)); });
    }
    static usher_status health(void* self, char* buffer, std::size_t capacity, std::size_t* length) noexcept {
        bool healthy = false;
        *length = 0;
        guarded(hostOf(self).raw(), 0, "healthy", [&] {
            std::string reason;
            healthy = of(self).healthy(reason);
            if (healthy) return;
            *length = reason.size() < capacity ? reason.size() : capacity;
            std::memcpy(buffer, reason.data(), *length);
        });
        return healthy ? USHER_OK : USHER_FAILED;
    }

    static void onTimer(void* self, usher_timer_id id) noexcept {
        guarded(hostOf(self).raw(), 0, "onTimer", [&] { of(self).onTimer(id); });
    }
    static usher_status reload(void* self, const usher_field* config, std::size_t count) noexcept {
        bool done = guarded(hostOf(self).raw(), 0, "reload", [&] { of(self).reload(Config(config, count)); });
        return done ? USHER_OK : USHER_FAILED;
    }

    // The tables live as long as the file is loaded: made once, reachable from here, never freed.
    struct RouteTable {
        std::vector<usher_route> routes;
        std::string paths;
        usher_http_routes c{};
    };
    static const usher_http_routes* routeTable() {
        static const RouteTable* table = [] {
            auto* made = new RouteTable;
            if constexpr (HasRoutes<P>::value) {
                for (const Route& route : P::routes())
                    made->routes.push_back({sizeof(usher_route), route.bodyLimit, str(route.method),
                                            str(route.path), str(route.action), str(route.resourceParam)});
            }
            if constexpr (HasOpenapi<P>::value) made->paths = P::openapiPaths();
            made->c = {sizeof(usher_http_routes), 0,
                       made->routes.data(),       made->routes.size(),
                       &Adapter::handle,          str(made->paths)};
            return made;
        }();
        return &table->c;
    }
    struct SchemaTable {
        std::vector<usher_config_key> keys;
        usher_config_schema c{};
    };
    static const usher_config_schema* schemaTable() {
        static const SchemaTable* table = [] {
            auto* made = new SchemaTable;
            if constexpr (HasKeys<P>::value) {
                for (const ConfigKey& key : P::configKeys())
                    made->keys.push_back({sizeof(usher_config_key), key.kind, str(key.name),
                                          str(key.defaultValue), str(key.description), key.minimum,
                                          key.maximum});
            }
            made->c = {sizeof(usher_config_schema), 0, made->keys.data(), made->keys.size()};
            return made;
        }();
        return &table->c;
    }
    static const void* extension(void*, const char* id) noexcept {
        static constexpr usher_health healthTable{sizeof(usher_health), 0, &Adapter::health};
        static constexpr usher_timer timerTable{sizeof(usher_timer), 0, &Adapter::onTimer};
        static constexpr usher_reload reloadTable{sizeof(usher_reload), 0, &Adapter::reload};
        try {
            if (std::strcmp(id, USHER_EXT_HEALTH) == 0) return &healthTable;
            if (Ticks<P>::value && std::strcmp(id, USHER_EXT_TIMER) == 0) return &timerTable;
            if (Reloads<P>::value && std::strcmp(id, USHER_EXT_RELOAD) == 0) return &reloadTable;
            if (HasRoutes<P>::value && std::strcmp(id, USHER_EXT_HTTP_ROUTES) == 0) return routeTable();
            if (HasKeys<P>::value && std::strcmp(id, USHER_EXT_CONFIG_SCHEMA) == 0) return schemaTable();
        } catch (...) {
            // Out of memory while making a table: as if it were not offered; the host then reports what is
            // missing.
        }
        return nullptr;
    }

    // What the class does not override is left out of the table, and the host need not call it.
    static constexpr usher_auth_ops ops{sizeof(usher_auth_ops),
                                        ThreadModel<P>::value,
                                        &Adapter::create,
                                        &Adapter::start,
                                        &Adapter::check,
                                        Settles<P>::value ? &Adapter::settled : nullptr,
                                        Cancels<P>::value ? &Adapter::cancel : nullptr,
                                        &Adapter::stop,
                                        &Adapter::destroy,
                                        &Adapter::extension};
};

} // namespace usher::auth

/// Once per plugin, at global scope, after the class.
#define USHER_AUTH_PLUGIN(Class, plugin_id, plugin_version, plugin_vendor)                                   \
    USHER_AUTH_NOTE(plugin_id, plugin_version)                                                               \
    extern "C" USHER_EXPORT const usher_auth_entry usher_auth_entry_v1 = {                                   \
        sizeof(usher_auth_entry),         USHER_AUTH_MINOR, 0u, plugin_id, plugin_version, plugin_vendor,    \
        &usher::auth::Adapter<Class>::ops};
