#include "Signals.h"

#include "PluginWiring.h"

#include <exception>

namespace usher {

sigset_t blockSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    return signals;
}

void serveUntilTold(const sigset_t& signals, const Reloadable& parts, ServiceManager& manager,
                    Poco::Logger& logger) {
    while (true) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (signal != SIGHUP) return;
        manager.reloading();
        try {
            if (!parts.config.tlsCertificate.empty()) parts.listener.reloadTls();
            ConfigResult fresh = readConfig(parts.config.file, parts.defaults);
            for (const std::string& problem : fresh.problems) logger.error("not reloaded: " + problem);
            if (fresh.problems.empty()) {
                for (const PluginSection& section : fresh.config.plugins)
                    if (parts.plugins.find(section.name))
                        parts.plugins.reload(settingsOf(parts.config, section, parts.databasePassword));
                logger.information("reloaded");
            }
        } catch (const std::exception& error) {
            logger.error("not reloaded, everything goes on as before: " + std::string(error.what()));
        }
        manager.ready();
    }
}

} // namespace usher
