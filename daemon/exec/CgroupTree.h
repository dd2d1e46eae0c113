#pragma once

#include "exec/Cgroup.h"

#include <string>
#include <vector>

namespace usher {

// DESIGN. Where the service manager has given the launcher a part of the machine's control groups (Delegate=
// of its unit), it looks like this:
//   UNIT/                      no process: the kernel wants them in leaves
//     launcher/                the launcher, and plugins' processes
//     earlier/                 leaders of a launcher that had no groups
//     run-RUN-ATTEMPT/         killed as one when its leader is gone
//       leader/                the leader, without limits
//       test-N/                all processes of one test, held to CgroupLimits
// All of it belongs to the daemon's user, and the tests have users of their own, so none leaves its group.
// The launcher makes and removes the runs' groups, a leader those of its tests.
//
// A service manager before systemd 254 starts a service in UNIT itself, which fails while UNIT hands
// controllers down to groups with living processes. So they are taken back between two launchers
// (ExecStopPost= of the unit: release()); the next one hands them down again and sets the limits anew
// (adopt()). What a test held before counts against nobody then.

/// A launcher's own part of the control groups. Copied from the launcher's first process to its worker. Not
/// synchronised.
class CgroupTree {
public:
    CgroupTree() = default;

    /// Makes the part ready that this process was started in: `mount` is where cgroup v2 is mounted, `self`
    /// the text of /proc/self/cgroup, `owner` the worker's user. Without the controllers memory and pids, or
    /// with a group that was not given to us, nothing is changed and problem() says why.
    static CgroupTree take(const std::string& mount, const std::string& self, uid_t owner);
    /// Takes back what take() handed down, so that a service manager can start the next launcher.
    static bool release(const std::string& mount, const std::string& self);

    explicit operator bool() const { return static_cast<bool>(_unit); }
    const std::string& problem() const { return _problem; }

    /// The group of a run, with its leaf "leader"; none when it could not be made.
    Cgroup makeRun(const std::string& runId, int attempt) const;
    Cgroup runOf(const std::string& runId, int attempt) const;
    /// All runs' groups that are there.
    std::vector<Cgroup> runs() const;
    /// After a release(): the run's controllers, and the limits of its tests.
    void adopt(const Cgroup& run, const CgroupLimits& limits) const;

    /// The group that /proc/self/cgroup names, below `mount`; none without cgroup v2.
    static Cgroup ownGroup(const std::string& mount, const std::string& self);

private:
    Cgroup _unit;
    std::string _problem = "not looked for";
};

} // namespace usher
