#pragma once

#include "app/AuthChain.h"
#include "app/Shadow.h"
#include "config/Config.h"
#include "domain/Executor.h"
#include "domain/NodeStore.h"
#include "http/OpenApiDocument.h"
#include "http/Router.h"
#include "observe/AuditLog.h"
#include "observe/Health.h"
#include "observe/Metrics.h"
#include "plugin/PluginHost.h"

#include <string>
#include <vector>

namespace usher {

// Part of the composition root: what ties the plugin room to configuration, router, audit and metrics, none
// of which knows it. [main], but for what PluginServices is asked.

/// What plugins may ask of the daemon: log, audit queue, the SQLite writer's turn. [any-thread]
class PluginServices final : public HostServices {
public:
    PluginServices(AuditLog& audit, WriterTurn* turn, HelperStarter* helpers)
        : _audit(audit), _turn(turn), _helpers(helpers) {}

    void log(int severity, const std::string& plugin, const std::string& requestId, const std::string& text,
             const Fields& fields) override;
    bool audit(const std::string&, AuditRecord record) override { return _audit.record(std::move(record)); }
    WriterTurn* writerTurn() override { return _turn; }
    HelperStarter* helpers() override { return _helpers; }

private:
    AuditLog& _audit;
    WriterTurn* _turn;
    HelperStarter* _helpers;
};

PluginSettings settingsOf(const Config& config, const PluginSection& section, const std::string& password);
/// For --check-config: what the plugins themselves find wrong with their sections, each "FILE:LINE: message".
/// Loads the files, starts nothing. `config` may have problems of its own; a plugin without a file is one of
/// them (checkPluginFiles) and not told again.
std::vector<std::string> problemsOfPlugins(const Config& config);
/// [auth] shadow; null: there is none.
std::unique_ptr<Shadow> makeShadow(const Config& config, const PluginHost& plugins);
AuthChain makeChain(const std::string& name, const ChainConfig& config, const PluginHost& plugins,
                    Shadow* shadow);
/// The endpoints that plugins serve become routes like any other: the chain of their action is asked first.
void addPluginRoutes(Router& router, const PluginHost& plugins);
/// Adds what the plugins say of their routes.
void describePlugins(OpenApiDocument& document, const PluginHost& plugins);
/// The parts that /readyz names: database, plugins, runner. They outlive `health`'s threads.
void addHealthParts(Health& health, NodeStore& nodes, const Clock& clock, const PluginHost& plugins,
                    const Executor& executor);
/// What /metrics asks for when somebody looks.
std::vector<Metrics::Sample> samplesOf(const PluginHost& plugins, const Health& health, const AuditLog& audit,
                                       const Shadow* shadow);

} // namespace usher
