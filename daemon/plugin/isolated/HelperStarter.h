#pragma once

#include <sys/types.h>

#include <string>

namespace usher {

/// What a helper process is to be.
struct HelperOrder {
    std::string plugin;  ///< name of the section; shown by ps
    bool network = true; ///< false: it can make no socket but those of this machine's files
    bool ownUser = true; ///< run as user usher-plugin where that is possible; else as the daemon's
};

/// Starts and ends the processes in which isolated plugins live (`usher-plugin`). Implemented by exec's
/// launcher connection, and by SpawnedHelpers where there is no launcher. [any-thread]
class HelperStarter {
public:
    virtual ~HelperStarter() = default;
    /// `socket` becomes its descriptor 3, `file`, the opened plugin, 4; both stay the caller's. Throws
    /// std::runtime_error. At most 2 s.
    virtual pid_t start(const HelperOrder& order, int socket, int file) = 0;
    /// SIGKILL, and the process is reaped. Also for one that has ended by itself.
    virtual void end(pid_t pid) = 0;
};

} // namespace usher
