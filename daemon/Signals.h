#pragma once

#include "PluginReload.h"
#include "base/ServiceManager.h"
#include "config/Config.h"
#include "http/Listener.h"

#include <Poco/Logger.h>

#include <csignal>
#include <string>

namespace usher {

/// Blocks what serveUntilTold() waits for, and ignores SIGPIPE. Before any thread: Poco threads block signals
/// of their own, and what we start inherits the mask. [main]
sigset_t blockSignals();

/// What a SIGHUP reads again: the TLS certificate and the plugins' sections of `config.file`.
struct Reloadable {
    const Config& config;
    Listener& listener;
    PluginReload& plugins;
};

/// Waits for SIGTERM, SIGINT or SIGQUIT; SIGHUP reloads. What cannot be reloaded is a line in the log, and
/// everything goes on as before. [main]
void serveUntilTold(const sigset_t& signals, const Reloadable& parts, ServiceManager& manager,
                    Poco::Logger& logger);

} // namespace usher
