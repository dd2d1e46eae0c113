#pragma once

#include "base/Mutex.h"
#include "plugin/HostServices.h"
#include "plugin/PluginMetrics.h"
#include "plugin/PluginSettings.h"

#include <usher/auth.h>
#include <usher/ext/audit.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace usher {

/// What one plugin instance may ask of the host besides its calls: log, secrets, folders, the writer's turn,
/// the audit log. Owned by its PluginInstance. Checks everything that comes from the plugin. [any-thread]
class HostSide {
public:
    HostSide(const PluginSettings& settings, HostServices& services)
        : _settings(settings), _services(services), _config(settings.config) {}

    /// `request` is the call's, or null: its credentials are removed from the text wherever they stand.
    void log(int severity, const AuthRequest* request, usher_str message, const usher_field* fields,
             std::size_t count);
    /// The host's own words about this plugin.
    void say(int severity, const std::string& text, const Fields& fields = {});
    /// What the plugin last logged as an error, for the message of a refusal.
    std::string lastError();

    usher_status secret(usher_str name, char* buffer, std::size_t capacity, std::size_t* length);
    bool hasTurn() const { return _services.writerTurn() != nullptr; }
    WriterTurn* turn() const { return _services.writerTurn(); }
    /// What a helper's host has made ready already.
    void relay(int severity, const std::string& requestId, const std::string& text, const Fields& fields);
    bool relay(AuditRecord record);
    usher_status acquireTurn(std::uint64_t deadlineNs);
    void releaseTurn();
    bool hasState() const { return !_settings.stateDir.empty(); }
    usher_str pluginDir(); ///< empty when it cannot be made
    usher_str daemonDir();
    usher_status audit(const usher_audit_record& record);
    usher_status metric(const PluginMetric& change) { return _metrics.change(change, _services); }
    std::vector<PluginMetric> metrics() { return _metrics.all(); }
    /// After a reload in place: where secrets' files are.
    Fields setConfig(Fields config);

private:
    std::optional<std::string> findSecret(std::string_view name);

    const PluginSettings& _settings;
    HostServices& _services;
    Mutex _mutex;
    std::string _lastError GUARDED_BY(_mutex);
    std::string _pluginDir GUARDED_BY(_mutex); ///< once set never changed: the plugin holds its bytes
    std::string _daemonDir GUARDED_BY(_mutex);
    Fields _config GUARDED_BY(_mutex);
    PluginMetrics _metrics;
    std::atomic<std::thread::id> _turnHolder{};
    std::atomic<std::int64_t> _turnSince{0}; ///< ns
};

} // namespace usher
