#pragma once

#include "base/Clock.h"
#include "base/Json.h"
#include "domain/RunStore.h"
#include "exec/Cgroup.h"
#include "exec/LeaderOrder.h"
#include "exec/OutputLog.h"
#include "exec/SecretMask.h"
#include "exec/TapReport.h"
#include "exec/leader/Box.h"
#include "exec/leader/Harvest.h"
#include "exec/leader/TestProcess.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace usher {

/// Why a run is being ended before its tests have.
enum class Stop { none, cancel, timeout, told, lease };

/// What the tests of an attempt share. The Leader's; outlives every RunningTest.
struct AttemptFacts {
    const LeaderOrder& order;
    const ExecConfig& config;
    const ClaimedRun& run;
    int folder = -1; ///< the attempt's
    Box* box = nullptr;
    const SyscallFilter* filter = nullptr; ///< profile strict
    Cgroup cgroup;                         ///< the run's; each test makes a leaf of it
    std::string temporary;                 ///< what TMPDIR is for the tests
    Harvest::Allowance allowance;
    std::function<void(const Json&)> journal;
    std::function<void()> tellGrew;
};

// DESIGN. step() moves the present phase on as far as facts and clock allow:
//   running → draining → killing → harvesting → ended
// running: until its own process exits, or (cancel, timeout) TERM, grace, KILL. draining: the pipe may be
// held by grandchildren, at most 2 s. killing: KILL to all that is left until nothing is. harvesting:
// artifacts and results come in.

/// One test from its start to its result. Owned by the Leader, driven by its loop. Not synchronised.
class RunningTest {
public:
    /// `result` is written to until ended(). `kept`: other tests of the run may be in flight (Keeper.h).
    RunningTest(AttemptFacts& attempt, const TestToRun& test, RunTest& result, std::optional<TestUser> user,
                bool kept);

    /// False: it could not be started, and the result says why.
    bool start();
    /// True when something changed, so that another step may be possible at once. `nothingLeft`: no process
    /// of this test is alive.
    bool step(Stop stop, bool nothingLeft);
    bool running() const { return _phase == Phase::running; }
    bool exited() const { return _exited; }
    bool ended() const { return _phase == Phase::ended; }
    /// Some of its processes could not be ended.
    bool leftovers() const { return _leftovers; }

    /// False when it was not a child of ours.
    bool reaped(pid_t pid, int status);
    bool owns(pid_t pid) const { return pid == _process.pid || pid == _harvestChild; }
    bool kept() const { return _kept; }
    /// Something of it is alive in its control group.
    bool inGroup() const { return _cgroup.populated(); }
    bool keeperGone() const { return _keeperGone; }
    /// It ended by itself: it had no child any more.
    bool keeperEndedWell() const { return _keeperEndedWell; }

    std::vector<int> descriptors() const;
    void readable(int descriptor);
    /// When step() or flushLog() wants to be called though nothing happened.
    std::optional<Instant> nextLook() const;
    /// Tells readers of new output; not too often unless `all`.
    void flushLog(bool all);

    RunTest& result() { return _result; }
    std::optional<TestUser> user() const { return _user; }

private:
    enum class Phase { running, draining, killing, harvesting, ended };

    void setPhase(Phase phase, std::optional<Instant> deadline = {});
    bool stepRunning(Stop stop);
    bool stepDraining(Stop stop, bool nothingLeft);
    bool stepKilling(Stop stop, bool nothingLeft);
    bool stepHarvesting(Stop stop);
    void enterGroup();
    /// Says on the result which of its group's limits it met, and removes the group.
    void leaveGroup();
    void killRound();
    /// False: it holds more than it may, and is to be ended.
    bool memoryIsRight();
    void end(Stop stop);
    void onExit(int status);
    void readVerdict();
    /// Reads output; at most a few blocks, so that everything else stays alive. How many bytes came.
    std::size_t readOutput();
    void keep(std::string_view output);
    std::string maskedCases(const std::string& casesJson) const;
    /// All cases of the test: those of its output, then those of its report files.
    std::string allCases(const std::string& reported);
    std::string positionText() const { return std::to_string(_test.position); }

    AttemptFacts& _attempt;
    const TestToRun& _test;
    RunTest& _result;
    const std::optional<TestUser> _user;
    const bool _kept;

    Phase _phase = Phase::running;
    std::optional<Instant> _phaseDeadline;
    std::optional<Instant> _killAt;   ///< TERM was sent; KILL then
    std::optional<Instant> _nextKill; ///< the next round of KILL
    int _killRounds = 0;
    std::optional<Instant> _nextSample; ///< of its memory
    bool _exited = false;
    int _waitStatus = 0;
    bool _keeperGone = false;
    bool _keeperEndedWell = false;
    bool _leftovers = false;
    Instant _startedAt, _exitedAt;
    StartedTest _process;
    Cgroup _cgroup; ///< none: it is held to its limits by rlimits and samples
    std::unique_ptr<OutputLog> _log;
    SecretMask _mask;                ///< between output and log
    std::unique_ptr<TapReport> _tap; ///< of a type whose output is TAP
    std::unique_ptr<Harvest> _harvest;
    pid_t _harvestChild = -1;
    std::int64_t _announced = 0; ///< bytes of the log that stand in the journal
    Instant _announcedAt;
};

} // namespace usher
