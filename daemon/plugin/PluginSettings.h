#pragma once

#include "domain/Authenticator.h"

#include <chrono>
#include <optional>
#include <string>

namespace usher {

/// One section [plugins.NAME].
struct PluginSettings {
    std::string name; ///< of the section: [a-z0-9-]{1,63}; in chains, logs and the state folder
    std::string path; ///< absolute
    Fields config;    ///< the keys that are not the host's own; KEY_file names a file whose content is the
                      ///< secret KEY
    std::chrono::milliseconds deadline{1500}; ///< for one check; never more than what is left of the request
    std::size_t maxInFlight = 10'000;         ///< unanswered checks; more are refused
    std::size_t checkThreads = 4;             ///< under USHER_PARALLEL
    std::size_t routeThreads = 2;             ///< for its HTTP routes, under USHER_PARALLEL
    std::size_t maxRoutesInFlight = 256;
    bool isolated = false; ///< its code runs in a process of its own
    bool network = true;   ///< isolated: it may use the network
    bool ownUser = true;   ///< isolated: not as the daemon's user, where that can be helped
    std::string stateDir;  ///< the daemon's; empty: usher.state-dir/1 is not offered
    std::optional<std::string> databaseUrl, databasePassword; ///< when the section says `database = shared`
};

} // namespace usher
