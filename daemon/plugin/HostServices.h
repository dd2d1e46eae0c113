#pragma once

#include "domain/Authenticator.h"
#include "domain/NodeStore.h"
#include "domain/WriterTurn.h"

#include <optional>
#include <string>

namespace usher {

class HelperStarter;
struct PluginMetric;

/// What main gives to the plugins. Outlives PluginHost. Every function [any-thread], must not block and must
/// not throw.
class HostServices {
public:
    virtual ~HostServices() = default;
    /// One line of a plugin (or of the host about it): control characters are gone already. Severity is
    /// USHER_LOG_*; `requestId` may be empty.
    virtual void log(int severity, const std::string& plugin, const std::string& requestId,
                     const std::string& text, const Fields& fields) = 0;
    /// False: the queue is full; the record is lost and counted by whoever owns the queue.
    virtual bool audit(const std::string& plugin, AuditRecord record) = 0;
    /// Null: the shared database is PostgreSQL. The same answer always.
    virtual WriterTurn* writerTurn() = 0;
    /// Starts the processes of isolated plugins. Null: none can be isolated.
    virtual HelperStarter* helpers() { return nullptr; }
    /// One change of a number of a plugin's own. Only a helper passes it on; the daemon asks for them.
    virtual void metric(const PluginMetric&) {}
    /// True: secrets are asked for by secret(); else they are in the settings and the files that those name.
    virtual bool keepsSecrets() { return false; }
    virtual std::optional<std::string> secret(const std::string& /*name*/) { return std::nullopt; }
};

} // namespace usher
