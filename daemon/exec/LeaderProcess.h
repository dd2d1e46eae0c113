#pragma once

#include "base/Clock.h"
#include "base/UniqueFd.h"
#include "domain/Executor.h"

#include <functional>
#include <memory>
#include <string>

namespace usher {

/// What the daemon's side of the executor needs to know. All paths absolute.
struct ExecSettings {
    std::string runsDir;      ///< <state_dir>/runs; made (0711) when missing
    std::string configFile;   ///< usherd.conf: the launcher reads [exec] from it; "" = defaults
    std::string launcherPath; ///< usher-launcher, started as a child
    std::string
        launcherSocket;     ///< not empty: a launcher of its own unit listens here, launcherPath is not used
    std::string leaderPath; ///< usher-leader
    std::string sandbox = "basic"; ///< none, basic or strict
    std::string nodeId;
    /// A job's secrets, for its tests; may throw. Called by start(), on its caller's thread.
    std::function<Environment(const std::string& jobId)> secretsOf;
    /// The connection that startLauncher() gave before privileges were dropped (exec/Privileges.h); none: the
    /// executor starts or connects by itself.
    UniqueFd launcher;
};

/// Runs claimed runs in processes that outlive the daemon: writes the run's folder, asks usher-launcher for a
/// usher-leader, follows its journal, and reports to the listener on its own thread, one epoll loop for all
/// leaders.
///
/// [any-thread] for every call; start() and cancel() only queue. recover() reads the run's folder at once and
/// may wait up to a second for a leader that is just being born. A launcher that dies is started (or
/// connected to) again with growing pauses; running leaders do not notice. Owned by main; destroyed after
/// whoever calls it and before the listener. The destructor leaves leaders running.
class LeaderProcess : public Executor {
public:
    /// Throws std::runtime_error with a message for the operator when the sandbox cannot be given on this
    /// machine: not root and not `none`, runsDir that the tests' uids cannot enter, a launcher that refuses
    /// its configuration.
    LeaderProcess(ExecSettings settings, ExecutionListener& listener, const Clock& clock);
    ~LeaderProcess() override;

    void start(const ClaimedRun&) override;
    Recovery recover(const ClaimedRun&) override;
    void cancel(const std::string& runId) override;
    void renewLease(BootMillis until, const std::vector<HeldRun>& runs) override;
    std::string problem() const override;
    std::string sandbox() const override;

private:
    class Loop;
    bool _sameBoot = true; ///< as the daemon that used the runs' folder before
    std::unique_ptr<Loop> _loop;
};

} // namespace usher
