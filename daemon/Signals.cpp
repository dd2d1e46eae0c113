#include "Signals.h"

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
            std::vector<std::string> problems;
            for (const PluginReload::Outcome& outcome : parts.plugins.reload(problems))
                if (!outcome.error.empty()) problems.push_back(outcome.error);
            for (const std::string& problem : problems) logger.error("not reloaded: " + problem);
            if (problems.empty()) logger.information("reloaded");
        } catch (const std::exception& error) {
            logger.error("not reloaded, everything goes on as before: " + std::string(error.what()));
        }
        manager.ready();
    }
}

} // namespace usher
