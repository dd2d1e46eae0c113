#pragma once

#include "exec/Cgroup.h"
#include "exec/ExecConfig.h"

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// What the launcher tells a leader. Leaders are children of one process of usher-leader
/// (leader/ForkServer.h), which gets the configuration when it starts and an order for each leader:
///   descriptor 3: a connection to the launcher; 4: the ExecConfig as JSON, a file; 0, 1 and 2: /dev/null
///   {"run":UUID,"attempt":N,"uids":[…],"cgroup":PATH,"control":bool,"claim":bool} with the run's folder, a
///   connection to the daemon and the claim on the uids (UidClaims.h) as descriptors, the last two if said so
///   → {"pid":N} | {"errno":N}
/// A leader's command line is `usher-leader RUN ATTEMPT UIDS RUNS`, for whoever looks for leaders in /proc.
struct LeaderOrder {
    static constexpr int kLauncherFd = 3;
    static constexpr int kConfigFd = 4;

    std::string runId;
    int attempt = 1;
    std::vector<uid_t> uids; ///< for the tests; empty: they run as the leader's own user
    std::string cgroup;      ///< path of the run's control group (CgroupTree.h); "": there is none
};

Json toJson(const LeaderOrder& order);
/// Throws std::runtime_error.
LeaderOrder orderFromJson(const Json& json);
/// The words behind the program's name, each with a NUL.
std::string titleOf(const LeaderOrder& order, const std::string& runsDir);
/// How much room a title may need.
std::size_t longestTitle(const std::string& runsDir);

/// "none", "none (cgroup v2: kill)", "basic (uid, rlimits, memory sampled; no cgroup)", "basic (uid, rlimits;
/// cgroup v2: memory, pids)", "strict (uid, rlimits, memory sampled, namespaces, seccomp, no network; no
/// cgroup)": what is in force, as it is recorded on the run.
std::string describeSandbox(const ExecConfig& config, bool ownUid, bool network, bool cgroup);
/// What the tests' control groups hold them to.
CgroupLimits cgroupLimits(const ExecConfig& config);

/// Processes and threads of one test, by its user's limit or its control group's.
constexpr int kMostProcesses = 1024;
/// At most this many tests of a run at once.
constexpr std::size_t kMostUsers = 64;

// Exit codes of usher-leader.
constexpr int kLeaderClean = 0;     ///< nothing of the run is left, neither process nor work folder
constexpr int kLeaderUnclean = 4;   ///< ended, but something may be left: the launcher looks after it
constexpr int kLeaderDuplicate = 5; ///< the attempt had been begun before: nothing was done

} // namespace usher
