#pragma once

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace usher {

struct ExecSettings;

/// The daemon's second connection to its launcher: starts and ends the processes of isolated plugins. With a
/// launcher that is our child it is made through the first connection and cannot be made again; with one that
/// listens it is. Not synchronised; each call waits at most 2 s.
class HelperLink {
public:
    /// Uses settings.launcher, which the executor must not have taken yet.
    explicit HelperLink(const ExecSettings& settings);
    /// The launcher ends what it started over this connection.
    HelperLink(HelperLink&&) = default;

    /// Nothing: `why`.
    std::optional<pid_t> start(const std::string& plugin, bool network, bool ownUser, int socket, int file,
                               std::string& why);
    void end(pid_t pid);
    /// There is no launcher any more that could be asked, and none will come.
    bool gone() const { return !_connection && _path.empty(); }

private:
    bool connect();

    std::string _path; ///< of a launcher that listens; empty: it is our child
    UniqueFd _connection;
};

} // namespace usher
