#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace usher {

// Facts from /proc. A process is known by boot id, pid and start time together: pids are used again.

/// Changes with every boot; "" when it cannot be read.
std::string bootId();

struct ProcessFacts {
    pid_t parent = 0;
    std::uint64_t startTicks = 0; ///< clock ticks after boot
    bool dead = false;            ///< a zombie: it only waits for its parent to take notice
};
/// Nothing when there is no such process.
std::optional<ProcessFacts> findProcess(pid_t pid);
/// A living process that started then?
bool isAlive(pid_t pid, std::uint64_t startTicks);

std::vector<pid_t> childrenOf(pid_t pid);
/// Children, their children, and so on; at most about 100,000.
std::vector<pid_t> descendantsOf(pid_t pid);
/// What the descendants hold in memory: what is their own of each, and the largest share of what they have in
/// common (files, shared memory). Pages that forks still share count for each of them.
std::int64_t memoryOfDescendants(pid_t pid);

/// Ids from first to last that any living process has as its real, effective or saved user id.
std::set<uid_t> uidsInUse(uid_t first, uid_t last);

/// A leader that an earlier launcher started for runs below `runsDir`, as its command line tells (only
/// processes of the user `owner` are believed).
struct FoundLeader {
    pid_t pid = 0;
    std::string runId;
    int attempt = 0;
    std::vector<uid_t> uids;
};
std::vector<FoundLeader> findLeaders(uid_t owner, const std::string& runsDir);

/// Processes of runs below `runsDir` that none of `leaders` leads, known by the environment that their test
/// was given: for tests without a uid of their own. Only processes of our own user are looked at.
std::vector<pid_t> findOrphans(const std::string& runsDir, const std::vector<FoundLeader>& leaders);

} // namespace usher
