#pragma once

#include "domain/RunStore.h"
#include "exec/Journal.h"
#include "exec/LeaderOrder.h"
#include "exec/OutputLog.h"
#include "exec/SecretMask.h"
#include "exec/ShortName.h"
#include "exec/leader/Box.h"
#include "exec/leader/Control.h"
#include "exec/leader/Harvest.h"
#include "exec/leader/TestProcess.h"

#include <memory>
#include <optional>
#include <string>

namespace usher {

// DESIGN. One run, one process, one thread, one loop: step() moves the present phase on as far as facts and
// clock allow, wait() sleeps until a descriptor or the next deadline says that something may have changed. A
// test goes
//   next → running → draining → killing → harvesting → next …  → ending
// running: until its own process exits, or (cancel, timeout) TERM, grace, KILL. draining: the pipe may be
// held by grandchildren, at most 2 s. killing: KILL to all that is left until we have no child any more; a
// subreaper's having no child means that nothing of the test is alive. harvesting: artifacts and results come
// in. Files are the truth; messages on the control connections only say "look".

/// Runs one attempt from its folder to its result. Owned by main() of usher-leader. Not synchronised.
class Leader {
public:
    Leader(LeaderOrder order, UniqueFd runFolder, UniqueFd control);
    /// To the end; the program's exit code.
    int run();

private:
    enum class Phase { next, running, draining, killing, harvesting, ended };
    enum class Stop { none, cancel, timeout, told, lease };

    /// Others may begin the run's next attempt when the lease is over; nothing of this one may be left then.
    static constexpr BootMillis kBeforeLeaseEnds = 5000;

    /// False: `_exitCode` says why there is nothing to do.
    bool begin();
    bool prepareBox();
    void takeSecrets();
    std::string maskedCases(const std::string& casesJson) const;
    void publish();

    /// True when something changed, so that another step may be possible at once.
    bool step();
    bool stepNext();
    bool stepRunning();
    bool stepDraining();
    bool stepKilling();
    bool stepHarvesting();
    void startOne(const TestToRun& test);
    void endTest();
    void end();
    void checkStop();
    void setPhase(Phase phase, std::optional<Instant> deadline = {});

    void wait();
    void watchLease();
    void onSignals();
    void onControl(int connection);
    /// Reads output; at most a few blocks, so that everything else stays alive. How many bytes came.
    std::size_t readOutput();
    void reap();

    void flushLog(bool all);
    void journal(const Json& entry);
    void tellGrew();
    void storeResult(RunTest& test, bool durable);
    RunOutcome outcome() const;

    RunTest& present() { return _results[_index]; }

    LeaderOrder _order;
    UniqueFd _runFolder;
    Control _control;
    UniqueFd _attempt, _signals, _epoll, _leaseTimer;
    ClaimedRun _run;
    std::vector<RunTest> _results;
    std::unique_ptr<JournalWriter> _journal;
    std::unique_ptr<Box> _box;
    std::unique_ptr<ShortName> _temporary; ///< of the box's tmp
    std::string _sandbox;
    std::optional<uid_t> _uid;
    Harvest::Allowance _allowance;

    Phase _phase = Phase::next;
    std::optional<Instant> _phaseDeadline;
    Stop _stop = Stop::none;
    Instant _runDeadline;
    std::optional<Instant> _killAt; ///< TERM was sent; KILL then
    std::size_t _index = 0;
    Micros _runStartedAt = 0;
    bool _runStarted = false;
    std::string _runProblem;

    pid_t _pid = -1;
    bool _exited = false;
    int _waitStatus = 0;
    bool _childless = true;
    int _killRounds = 0;
    Instant _testStarted, _exitedAt;
    StartedTest _test;
    std::unique_ptr<OutputLog> _log;
    std::unique_ptr<SecretMask> _mask; ///< of the run; between log and output
    std::unique_ptr<Harvest> _harvest;
    std::int64_t _announced = 0; ///< bytes of the log that stand in the journal
    Instant _announcedAt;
    bool _grew = false;
    bool _leftovers = false;
    int _exitCode = kLeaderClean;
};

} // namespace usher
