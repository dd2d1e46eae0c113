// The C functions that a plugin calls. Each checks its arguments, finds its instance and goes there; no
// exception leaves, because the caller may be C.
#include "plugin/CText.h"
#include "plugin/PluginInstance.h"
#include "plugin/ThreadRole.h"

#include <usher/ext/audit.h>
#include <usher/ext/db-turn.h>
#include <usher/ext/http-routes.h>
#include <usher/ext/metrics.h>
#include <usher/ext/secrets.h>
#include <usher/ext/state-dir.h>
#include <usher/ext/timer.h>

#include <cstring>

namespace usher {

namespace {

PluginInstance* find(const usher_host* host) {
    return host ? reinterpret_cast<const HostTable*>(host)->instance : nullptr;
}

/// Runs `body`; USHER_FAILED for what it throws (no memory, mostly).
template <class Body>
usher_status guarded(const usher_host* host, Body body) noexcept {
    PluginInstance* instance = find(host);
    if (!instance) return USHER_INVALID;
    try {
        return body(*instance);
    } catch (...) {
        return USHER_FAILED;
    }
}

usher_status complete(const usher_host* host, usher_call call, const usher_verdict* verdict) {
    return guarded(host, [&](PluginInstance& instance) {
        auto copy = copySized(verdict, offsetof(usher_verdict, decision) + sizeof(usher_decision));
        return copy ? instance.complete(call, *copy) : USHER_INVALID;
    });
}

usher_status retain(const usher_host* host, usher_call call) {
    return guarded(host, [&](PluginInstance& instance) { return instance.retain(call); });
}

void release(const usher_host* host, usher_call call) {
    guarded(host, [&](PluginInstance& instance) {
        instance.release(call);
        return USHER_OK;
    });
}

void log(const usher_host* host, int32_t severity, usher_call call, usher_str message,
         const usher_field* fields, size_t count) {
    guarded(host, [&](PluginInstance& instance) {
        auto request = call ? instance.requestOf(call) : nullptr;
        instance.side().log(severity, request.get(), message, fields, count);
        return USHER_OK;
    });
}

usher_status getSecret(const usher_host* host, usher_str name, char* buffer, size_t capacity,
                       size_t* length) {
    return guarded(host, [&](PluginInstance& instance) {
        return instance.side().secret(name, buffer, capacity, length);
    });
}

usher_status acquireTurn(const usher_host* host, uint64_t deadlineNs) {
    return guarded(host, [&](PluginInstance& instance) { return instance.side().acquireTurn(deadlineNs); });
}

void releaseTurn(const usher_host* host) {
    guarded(host, [&](PluginInstance& instance) {
        instance.side().releaseTurn();
        return USHER_OK;
    });
}

usher_str pluginDir(const usher_host* host) {
    usher_str path{};
    guarded(host, [&](PluginInstance& instance) {
        path = instance.side().pluginDir();
        return USHER_OK;
    });
    return path;
}

usher_str daemonDir(const usher_host* host) {
    usher_str path{};
    guarded(host, [&](PluginInstance& instance) {
        path = instance.side().daemonDir();
        return USHER_OK;
    });
    return path;
}

usher_status recordAudit(const usher_host* host, const usher_audit_record* record) {
    return guarded(host, [&](PluginInstance& instance) {
        auto copy = copySized(record, offsetof(usher_audit_record, action) + sizeof(usher_str));
        return copy ? instance.side().audit(*copy) : USHER_INVALID;
    });
}

usher_status respond(const usher_host* host, usher_call call, const usher_http_response* response) {
    return guarded(host, [&](PluginInstance& instance) {
        auto copy = copySized(response, offsetof(usher_http_response, status) + sizeof(int32_t));
        return copy ? instance.respond(call, *copy) : USHER_INVALID;
    });
}

usher_status changeMetric(const usher_host* host, usher_str name, double value, const usher_field* labels,
                          size_t count, bool counter) {
    return guarded(host, [&](PluginInstance& instance) -> usher_status {
        if (count > 4 || (count > 0 && !labels)) return USHER_INVALID;
        PluginMetric change;
        auto text = readText(name, 48);
        if (!text) return USHER_INVALID;
        change.name = *text, change.counter = counter, change.value = value;
        for (size_t i = 0; i < count; ++i) {
            auto label = readText(labels[i].name, 48), content = readText(labels[i].value, 64);
            if (!label || !content) return USHER_INVALID;
            change.labels.emplace_back(*label, *content);
        }
        return instance.side().metric(change);
    });
}

usher_status addMetric(const usher_host* host, usher_str name, double value, const usher_field* labels,
                       size_t count) {
    return changeMetric(host, name, value, labels, count, true);
}

usher_status setMetric(const usher_host* host, usher_str name, double value, const usher_field* labels,
                       size_t count) {
    return changeMetric(host, name, value, labels, count, false);
}

usher_status startTimer(const usher_host* host, uint32_t periodMs, usher_timer_id* id) {
    return guarded(host, [&](PluginInstance& instance) {
        return instance.startTimer(std::chrono::milliseconds(periodMs), id);
    });
}

void stopTimer(const usher_host* host, usher_timer_id id) {
    guarded(host, [&](PluginInstance& instance) {
        instance.stopTimer(id);
        return USHER_OK;
    });
}

int32_t currentThread(const usher_host*) {
    return ThreadRole::current;
}

constexpr usher_metrics kMetrics{sizeof(usher_metrics), 0, &addMetric, &setMetric};
constexpr usher_timer_host kTimer{sizeof(usher_timer_host), 0, &startTimer, &stopTimer};
constexpr usher_thread_check kThreads{sizeof(usher_thread_check), 0, &currentThread};
constexpr usher_secrets kSecrets{sizeof(usher_secrets), 0, &getSecret};
constexpr usher_db_turn kTurn{sizeof(usher_db_turn), 0, &acquireTurn, &releaseTurn};
constexpr usher_state_dir kStateDir{sizeof(usher_state_dir), 0, &pluginDir, &daemonDir};
constexpr usher_audit kAudit{sizeof(usher_audit), 0, &recordAudit};
constexpr usher_http_routes_host kRoutes{sizeof(usher_http_routes_host), 0, &respond};

const void* getExtension(const usher_host* host, const char* id) {
    PluginInstance* instance = find(host);
    if (!instance || !id) return nullptr;
    if (std::strcmp(id, USHER_EXT_SECRETS) == 0) return &kSecrets;
    if (std::strcmp(id, USHER_EXT_DB_TURN) == 0) return instance->side().hasTurn() ? &kTurn : nullptr;
    if (std::strcmp(id, USHER_EXT_STATE_DIR) == 0) return instance->side().hasState() ? &kStateDir : nullptr;
    if (std::strcmp(id, USHER_EXT_AUDIT) == 0) return &kAudit;
    if (std::strcmp(id, USHER_EXT_METRICS) == 0) return &kMetrics;
    if (std::strcmp(id, USHER_EXT_TIMER) == 0) return &kTimer;
    if (std::strcmp(id, USHER_EXT_THREAD_CHECK) == 0) return &kThreads;
    if (std::strcmp(id, USHER_EXT_HTTP_ROUTES) == 0) return &kRoutes;
    return nullptr;
}

} // namespace

HostTable makeHostTable(PluginInstance& instance) {
    return {{sizeof(usher_host), USHER_AUTH_MINOR, &complete, &retain, &release, &log, &getExtension},
            &instance};
}

} // namespace usher
