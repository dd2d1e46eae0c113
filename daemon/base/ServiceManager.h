#pragma once

#include "base/UniqueFd.h"

#include <chrono>
#include <optional>
#include <string>

namespace usher {

/// What systemd tells a service, and wants to hear from it: the protocols of sd_notify(3) and
/// sd_listen_fds(3), which are a few lines each and need no library. Without a service manager every call
/// does nothing. Made once, in main, before the first thread: it takes its variables out of the environment,
/// so that nothing that we start believes to be meant. The notes are [any-thread] and never block.
class ServiceManager {
public:
    ServiceManager();

    /// The start takes longer than the unit says (TimeoutStartSec=): this long from now.
    void startTakes(std::chrono::seconds time);
    /// The service is up, or a reload is over.
    void ready();
    void reloading();
    void stopping();
    /// Feeds the watchdog.
    void alive();
    /// How long it may go unfed; nothing when there is none.
    std::optional<std::chrono::microseconds> watchdog() const { return _watchdog; }
    /// The listening socket that we were given, once. Throws std::runtime_error when there are several.
    std::optional<UniqueFd> takeListener();

private:
    void send(const std::string& text);

    std::string _address; ///< of NOTIFY_SOCKET; empty: nobody listens
    std::optional<std::chrono::microseconds> _watchdog;
    int _sockets = 0;
};

} // namespace usher
