#pragma once

#include "base/Json.h"
#include "base/UniqueFd.h"
#include "exec/CgroupTree.h"
#include "exec/ExecConfig.h"
#include "exec/launcher/LeaderSource.h"
#include "exec/launcher/PluginHelpers.h"
#include "exec/launcher/UidPool.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace usher {

/// What main() of usher-launcher found out before it gave its privileges away.
struct LauncherFacts {
    ExecConfig config;
    std::string leaderPath;
    bool privileged = false; ///< setuid, setgid and kill are ours
    uid_t pluginUid = 0;     ///< of user usher-plugin; 0: there is none, or we may not become it
    gid_t pluginGid = 0;
    CgroupTree cgroups;
    std::string problem; ///< why nothing can be started; told to whoever connects
};

/// Starts leaders on request and looks after what they leave; and plugins' processes (PluginHelpers.h). One
/// thread, one loop.
///   {"op":"start","run":UUID,"attempt":N,"profile":P,"parallelism":N} and a connection for the leader as a
///   descriptor
///   → the leader says hello on that connection, or it ends: there was none |
///   {"op":"refused","run":…,"attempt":…,"why":…,"retry":bool}
///   {"op":"connect"} and a descriptor: one more connection
/// A connection begins with {"op":"hello","profile":…,"sandbox":…,"problem":…}. A request names a run below
/// the runs folder; what is executed, as whom and with which limits comes from the configuration alone.
class Launcher {
public:
    /// `connection` or `listener`, the other one empty. Without a listener the launcher ends with its
    /// connection.
    Launcher(LauncherFacts facts, UniqueFd connection, UniqueFd listener);
    /// Until the connection closes. The worker's exit code.
    int serve();

private:
    struct Leader {
        std::string runId;
        int attempt = 0;
        std::vector<uid_t> uids;
        UniqueFd claim;  ///< on the uids; empty for those that an earlier launcher started
        UniqueFd handle; ///< pidfd
        bool ours = true;
    };

    void adopt();
    void greet(int connection);
    void accept();
    /// False: the connection is to be closed.
    bool receive(int connection);
    /// Nothing, or why not.
    std::optional<Json> start(const Json& request, int control);
    void onLeaderEnd(pid_t pid);
    void cleanUpBehind(Leader leader);
    void reapCleaners();
    void sweepOrphans();
    /// Ends what is in the group, and removes it when that is gone.
    void removeGroup(const Cgroup& group);
    void removeEmptied();

    LauncherFacts _facts;
    std::vector<UniqueFd> _connections;
    UniqueFd _listener, _runs, _epoll;
    std::unique_ptr<UidPool> _uids;
    std::map<pid_t, Leader> _leaders;
    std::map<pid_t, Leader> _cleaners; ///< child processes, and whose uids are free after them
    bool _orphansExpected = false;
    /// Groups to remove, and how often it was tried: what is killed is not gone at once.
    std::vector<std::pair<Cgroup, int>> _emptying;
    LeaderSource _source;
    PluginHelpers _helpers;
};

} // namespace usher
