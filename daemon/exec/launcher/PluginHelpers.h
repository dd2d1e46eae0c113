#pragma once

#include "base/Json.h"
#include "base/UniqueFd.h"

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace usher {

/// The processes of isolated plugins (usher-plugin), as the launcher's worker starts and ends them.
///   {"op":"plugin","name":N,"network":bool,"ownUser":bool} and two descriptors, socket and plugin file
///   → {"op":"plugin-started","name":N,"pid":P} | {"op":"plugin-refused","name":N,"why":…}
///   {"op":"plugin-end","pid":P}: SIGKILL, if it is one of ours
/// What was started over a connection ends with it. One thread, the launcher's.
class PluginHelpers {
public:
    /// `program` is usher-plugin; uid and gid those of user usher-plugin, 0 when helpers stay the daemon's
    /// user.
    PluginHelpers(std::string program, uid_t uid, gid_t gid);

    /// Its handle is to be watched: readable when the process has ended.
    Json start(const Json& request, const std::vector<UniqueFd>& descriptors, int connection, int& handle);
    void end(const Json& request);
    /// True: it was the handle of one of ours, which has been reaped.
    bool reap(int handle);
    void connectionClosed(int connection);
    bool owns(pid_t pid) const { return _helpers.count(pid) > 0; }

private:
    struct Helper {
        UniqueFd handle; ///< pidfd
        int connection;
    };
    pid_t spawn(const std::string& name, bool network, bool ownUser, int socket, int file);

    const std::string _program;
    const uid_t _uid;
    const gid_t _gid;
    std::map<pid_t, Helper> _helpers;
};

} // namespace usher
