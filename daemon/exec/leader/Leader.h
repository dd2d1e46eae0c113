#pragma once

#include "domain/RunStore.h"
#include "exec/Journal.h"
#include "exec/LeaderOrder.h"
#include "exec/SyscallFilter.h"
#include "exec/leader/Box.h"
#include "exec/leader/Control.h"
#include "exec/leader/RunningTest.h"
#include "exec/leader/Temporary.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace usher {

// DESIGN. One run, one process, one thread, one loop: step() moves every test in flight on as far as facts
// and clock allow and starts the next ones while there is room (the job's `parallelism`), wait() sleeps until
// a descriptor or the next deadline says that something may have changed. With one test at a time every child
// is of that test, and having none means that nothing of it is alive; with several each has a keeper
// (Keeper.h). Results stand in the order of the list, whichever test ends first. Files are the truth;
// messages on the control connections only say "look". What happens in the first moments of a run is written
// together, so that a short one costs one file and one write; who looks for its leader meanwhile finds the
// attempt's folder and looks again.

/// Runs one attempt from its folder to its result. Owned by main() of usher-leader. Not synchronised.
class Leader {
public:
    /// `config` must outlive it.
    Leader(LeaderOrder order, const ExecConfig& config, UniqueFd runFolder, UniqueFd control);
    /// To the end; the program's exit code.
    int run();

private:
    /// Others may begin the run's next attempt when the lease is over; nothing of this one may be left then.
    static constexpr BootMillis kBeforeLeaseEnds = 5000;

    /// False: `_exitCode` says why there is nothing to do.
    bool begin();
    bool prepareBox();
    void chooseUsers();

    /// True when something changed, so that another step may be possible at once.
    bool step();
    bool startNext();
    void onEnded(RunningTest& test);
    void end();
    void checkStop();

    void wait();
    int untilNextLook();
    void watchLease();
    void onSignals();
    void onControl(int connection);
    void reap();
    bool nothingLeft(const RunningTest& test);
    /// Children of ours that no test in flight owns: orphans of one that has killed its keeper.
    std::vector<pid_t> strangers() const;

    void journal(const Json& entry);
    void tellGrew();
    /// The journal so far is in its file, and who follows us knows. Throws std::runtime_error when there is
    /// none and none can be made: nobody could find us again.
    void show();
    /// The last one's stands in the run's result, which follows at once; it is told of then.
    void storeResult(const RunTest& test, bool last);
    void journalResult(const RunTest& test);
    RunOutcome outcome() const;

    LeaderOrder _order;
    const ExecConfig& _config;
    UniqueFd _runFolder;
    Control _control;
    UniqueFd _attempt, _signals, _leaseTimer;
    ClaimedRun _run;
    std::vector<RunTest> _results;
    std::unique_ptr<JournalWriter> _journal;
    std::optional<Instant> _showAt; ///< the journal has something to show, and may wait so long
    std::unique_ptr<Box> _box;
    std::unique_ptr<Temporary> _temporary;
    std::string _sandbox;
    std::vector<TestUser> _users;    ///< one for each test in flight; empty: tests run as our own user
    std::deque<TestUser> _freeUsers; ///< of those
    std::size_t _parallelism = 1;
    std::unique_ptr<SyscallFilter> _filter; ///< profile strict
    AttemptFacts _facts;

    std::vector<std::unique_ptr<RunningTest>> _running;
    std::size_t _next = 0;          ///< the first test that has not begun
    const RunTest* _last = nullptr; ///< its result is not told of yet
    bool _over = false;
    Stop _stop = Stop::none;
    Instant _runDeadline;
    Micros _runStartedAt = 0;
    bool _runStarted = false;
    std::string _runProblem;
    bool _childless = true;
    bool _leftovers = false;
    int _exitCode = kLeaderClean;
};

} // namespace usher
