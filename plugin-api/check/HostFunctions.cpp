#include "HostFunctions.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

namespace usher::check {

namespace {

std::mutex tablesMutex;
std::map<const usher_host*, Host*> tables;

/// Reads every byte that the plugin says is there: what is not, ends the process here, in its own test.
std::string copy(usher_str text) {
    return text.data ? std::string(text.data, std::min<std::size_t>(text.size, 1 << 20)) : std::string();
}

} // namespace

usher_host HostFunctions::table() {
    return {sizeof(usher_host), USHER_AUTH_MINOR, &complete, &retain, &release, &log, &getExtension};
}

void HostFunctions::add(const usher_host* table, Host* host) {
    std::lock_guard lock(tablesMutex);
    tables[table] = host;
}

void HostFunctions::remove(const usher_host* table) {
    std::lock_guard lock(tablesMutex);
    tables.erase(table);
}

Host* HostFunctions::find(const usher_host* table) {
    std::lock_guard lock(tablesMutex);
    auto found = tables.find(table);
    return found == tables.end() ? nullptr : found->second;
}

usher_status HostFunctions::complete(const usher_host* table, usher_call handle, const usher_verdict* raw) {
    Host* host = find(table);
    if (!host || !raw) return USHER_INVALID;
    usher_verdict verdict{};
    std::memcpy(static_cast<void*>(&verdict), raw, std::min<std::size_t>(raw->size, sizeof verdict));
    Said said;
    said.answered = true;
    said.decision = verdict.decision;
    said.principal = copy(verdict.principal_id);
    said.texts = copy(verdict.code) + "\n" + copy(verdict.public_message) + "\n" +
                 copy(verdict.audit_message) + "\n" + said.principal + "\n" + copy(verdict.principal_name);
    if (verdict.headers)
        for (std::size_t i = 0; i < std::min<std::size_t>(verdict.header_count, 64); ++i)
            said.texts += "\n" + copy(verdict.headers[i].name) + ": " + copy(verdict.headers[i].value);
    std::lock_guard lock(host->_mutex);
    auto found = host->_calls.find(handle);
    if (found == host->_calls.end()) return USHER_STALE;
    Call& call = *found->second;
    ++call.completions;
    host->_change.notify_all();
    if (!call.open || call.deadline <= Clock::now()) return USHER_STALE;
    call.open = false;
    call.said = std::move(said);
    return USHER_OK;
}

usher_status HostFunctions::retain(const usher_host* table, usher_call handle) {
    Host* host = find(table);
    if (!host) return USHER_INVALID;
    std::lock_guard lock(host->_mutex);
    auto found = host->_calls.find(handle);
    if (found == host->_calls.end() || !found->second->open) return USHER_STALE;
    if (!found->second->inside) return USHER_INVALID;
    ++found->second->retained;
    return USHER_OK;
}

void HostFunctions::release(const usher_host* table, usher_call handle) {
    Host* host = find(table);
    if (!host) return;
    std::lock_guard lock(host->_mutex);
    auto found = host->_calls.find(handle);
    if (found == host->_calls.end() || found->second->retained == 0) return;
    Call& call = *found->second;
    if (--call.retained == 0 && host->_manner.takeAway && !call.inside) call.memory->forbid();
}

void HostFunctions::log(const usher_host* table, int32_t, usher_call, usher_str message,
                        const usher_field* fields, size_t count) {
    Host* host = find(table);
    if (!host) return;
    std::string line = copy(message);
    if (fields)
        for (std::size_t i = 0; i < std::min<std::size_t>(count, 64); ++i)
            line += " " + copy(fields[i].name) + "=" + copy(fields[i].value);
    std::lock_guard lock(host->_mutex);
    if (host->_log.size() < (1 << 20)) host->_log += (host->_log.empty() ? "" : "\n") + line;
}

usher_status HostFunctions::secret(const usher_host* table, usher_str name, char* buffer, size_t capacity,
                                   size_t* length) {
    Host* host = find(table);
    if (!host || !length || (!buffer && capacity > 0)) return USHER_INVALID;
    const std::string wanted = copy(name);
    std::string value;
    bool found = false;
    for (const auto& [key, text] : host->_options.config) {
        if (key == wanted && wanted.starts_with("database.")) value = text, found = true;
        if (key != wanted + "_file") continue;
        std::ifstream file(text, std::ios::binary);
        std::ostringstream content;
        if (file && content << file.rdbuf()) value = content.str(), found = true;
        if (!value.empty() && value.back() == '\n') value.pop_back();
    }
    if (!found) return USHER_INVALID;
    *length = value.size();
    if (value.size() > capacity) return USHER_NO_MEMORY;
    std::memcpy(buffer, value.data(), value.size());
    return USHER_OK;
}

usher_status HostFunctions::acquireTurn(const usher_host* table, uint64_t deadlineNs) {
    Host* host = find(table);
    if (!host) return USHER_INVALID;
    const auto until =
        Clock::time_point(std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(deadlineNs)));
    return host->_turn.try_lock_until(std::min(until, Clock::now() + 10s)) ? USHER_OK : USHER_TIMEOUT;
}

void HostFunctions::releaseTurn(const usher_host* table) {
    if (Host* host = find(table)) host->_turn.unlock();
}

usher_str HostFunctions::stateDir(const usher_host* table) {
    Host* host = find(table);
    return host ? usher_str{host->_stateDir.data(), host->_stateDir.size()} : usher_str{};
}

usher_status HostFunctions::audit(const usher_host* table, const usher_audit_record* record) {
    Host* host = find(table);
    if (!host || !record) return USHER_INVALID;
    usher_audit_record raw{};
    std::memcpy(static_cast<void*>(&raw), record, std::min<std::size_t>(record->size, sizeof raw));
    std::string line =
        copy(raw.actor) + " " + copy(raw.action) + " " + copy(raw.resource) + " " + copy(raw.detail);
    std::lock_guard lock(host->_mutex);
    if (host->_log.size() < (1 << 20)) host->_log += "\naudit: " + line;
    return USHER_OK;
}

usher_status HostFunctions::metric(const usher_host* table, usher_str name, double, const usher_field* labels,
                                   size_t count) {
    Host* host = find(table);
    if (!host) return USHER_INVALID;
    std::string line = "metric: " + copy(name); // labels are read by many: no credential there
    for (size_t i = 0; labels && i < std::min<size_t>(count, 4); ++i) line += " " + copy(labels[i].value);
    std::lock_guard lock(host->_mutex);
    if (host->_log.size() < (1 << 20)) host->_log += "\n" + line;
    return USHER_OK;
}

usher_status HostFunctions::startTimer(const usher_host*, uint32_t, usher_timer_id* id) {
    if (!id) return USHER_INVALID;
    *id = 1; // its time never comes here
    return USHER_OK;
}

void HostFunctions::stopTimer(const usher_host*, usher_timer_id) {}

usher_status HostFunctions::respond(const usher_host*, usher_call, const usher_http_response*) {
    return USHER_STALE; // no routes are called here
}

const void* HostFunctions::getExtension(const usher_host* table, const char* id) {
    static constexpr usher_secrets secrets{sizeof(usher_secrets), 0, &secret};
    static constexpr usher_db_turn turn{sizeof(usher_db_turn), 0, &acquireTurn, &releaseTurn};
    static constexpr usher_state_dir state{sizeof(usher_state_dir), 0, &stateDir, &stateDir};
    static constexpr usher_audit audits{sizeof(usher_audit), 0, &audit};
    static constexpr usher_http_routes_host routes{sizeof(usher_http_routes_host), 0, &respond};
    static constexpr usher_metrics metrics{sizeof(usher_metrics), 0, &metric, &metric};
    static constexpr usher_timer_host timers{sizeof(usher_timer_host), 0, &startTimer, &stopTimer};
    Host* host = find(table);
    if (!host || !id || !host->_manner.extensions) return nullptr;
    if (std::strcmp(id, USHER_EXT_METRICS) == 0) return &metrics;
    if (std::strcmp(id, USHER_EXT_TIMER) == 0) return &timers;
    if (std::strcmp(id, USHER_EXT_SECRETS) == 0) return &secrets;
    if (std::strcmp(id, USHER_EXT_STATE_DIR) == 0) return &state;
    if (std::strcmp(id, USHER_EXT_AUDIT) == 0) return &audits;
    if (std::strcmp(id, USHER_EXT_HTTP_ROUTES) == 0) return &routes;
    for (const auto& [key, value] : host->_options.config)
        if (key == "database.url" && value.starts_with("sqlite:") && std::strcmp(id, USHER_EXT_DB_TURN) == 0)
            return &turn;
    return nullptr;
}

} // namespace usher::check
