#pragma once

#include "exec/Cgroup.h"
#include "exec/ExecConfig.h"

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// What the launcher tells a leader, as JSON on descriptor 3. Descriptor 4 is the run's folder, descriptor 5
/// (may be missing) a connection to the daemon, 6 (may be missing) the claim on the uids (UidClaims.h); 0, 1
/// and 2 are /dev/null; the command line is `usher-leader RUN ATTEMPT UIDS RUNS`, for whoever looks for
/// leaders in /proc.
struct LeaderOrder {
    static constexpr int kOrderFd = 3;
    static constexpr int kFolderFd = 4;
    static constexpr int kControlFd = 5;
    static constexpr int kClaimFd = 6;

    std::string runId;
    int attempt = 1;
    std::string profile;
    std::vector<uid_t> uids; ///< for the tests; empty: they run as the leader's own user
    std::string cgroup;      ///< path of the run's control group (CgroupTree.h); "": there is none
    ExecConfig config;
};

std::string toOrderJson(const LeaderOrder& order);
/// Throws std::runtime_error.
LeaderOrder orderFromJson(std::string_view text);

/// "none", "none (cgroup v2: kill)", "basic (uid, rlimits, memory sampled; no cgroup)", "basic (uid, rlimits;
/// cgroup v2: memory, pids)", "strict (uid, rlimits, memory sampled, namespaces, seccomp, no network; no
/// cgroup)": what is in force, as it is recorded on the run.
std::string describeSandbox(const ExecConfig& config, bool ownUid, bool network, bool cgroup);
/// What the tests' control groups hold them to.
CgroupLimits cgroupLimits(const ExecConfig& config);

/// Processes and threads of one test, by its user's limit or its control group's.
constexpr int kMostProcesses = 1024;

// Exit codes of usher-leader.
constexpr int kLeaderClean = 0;     ///< nothing of the run is left, neither process nor work folder
constexpr int kLeaderUnclean = 4;   ///< ended, but something may be left: the launcher looks after it
constexpr int kLeaderDuplicate = 5; ///< the attempt had been begun before: nothing was done

} // namespace usher
