#include "exec/leader/RunningTest.h"

#include "exec/Files.h"
#include "exec/ProcessTable.h"
#include "exec/Remains.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr auto kDrain = 2s;
constexpr auto kKillAtMost = 10s;
constexpr auto kHarvestAtMost = 120s;
constexpr auto kSampleEvery = 200ms;

Instant instant() {
    return std::chrono::steady_clock::now();
}

} // namespace

RunningTest::RunningTest(AttemptFacts& attempt, const TestToRun& test, RunTest& result,
                         std::optional<TestUser> user, bool kept)
    : _attempt(attempt), _test(test), _result(result), _user(user), _kept(kept), _mask(attempt.run.secrets) {}

bool RunningTest::start() {
    std::string problem;
    if (_attempt.box->makeTestFolders(_test.position, _user, problem)) {
        auto plan = planTest(_attempt.order, _attempt.config, _attempt.run, _test, *_attempt.box, _user,
                             _attempt.temporary);
        if (auto* why = std::get_if<std::string>(&plan)) {
            problem = *why;
        } else {
            auto& planned = std::get<TestPlan>(plan);
            planned.kept = _kept;
            planned.filter = _attempt.filter;
            enterGroup();
            planned.cgroup = _cgroup;
            if (_cgroup) planned.memoryLimitBytes = 0; // of all its processes, not of each
            _startedAt = instant();
            _result.startedAt = SystemClock{}.now(); // of the same moment: the end is counted from it
            _process = startTest(planned);
            problem = _process.problem;
        }
    }
    if (!problem.empty()) {
        _result.status = TestStatus::error;
        _result.errorDetails = problem;
        _result.startedAt.reset();
        _cgroup.remove();
        _phase = Phase::ended;
        return false;
    }
    _log = std::make_unique<OutputLog>(_attempt.folder, "test-" + positionText() + ".log",
                                       _attempt.config.outputCapBytes);
    const Interpreter* interpreter = findInterpreter(_attempt.config, _test.type);
    if (interpreter && interpreter->tap) _tap = std::make_unique<TapReport>();
    // Short tests are over before the first look.
    if (!_cgroup && _attempt.config.sandbox != "none" && _attempt.config.memoryLimitBytes > 0)
        _nextSample = instant() + kSampleEvery;
    _result.status = TestStatus::running;
    return true;
}

void RunningTest::enterGroup() {
    if (!_attempt.cgroup) return;
    const Cgroup leaf = _attempt.cgroup.child("test-" + positionText());
    if (leaf.make() && leaf.limit(cgroupLimits(_attempt.config)))
        _cgroup = leaf;
    else
        leaf.remove();
}

void RunningTest::leaveGroup() {
    const ExecConfig& config = _attempt.config;
    const CgroupLimits limits = cgroupLimits(config);
    std::string met;
    if (_cgroup.count("pids.events", "max") > 0)
        met = "it had as many processes as it may have (" + std::to_string(limits.processes) + ")";
    if (_cgroup.count("memory.events", "oom_kill") > 0)
        met = "its processes together held more than " + std::to_string(limits.memoryBytes) +
              " bytes of memory ([exec] memory_limit_bytes)";
    if (!met.empty()) {
        _log->note(met);
        const bool passed = _exited && WIFEXITED(_waitStatus) && WEXITSTATUS(_waitStatus) == 0;
        if (_result.errorDetails.empty() && !passed) _result.errorDetails = met;
    }
    if (_attempt.cgroup && !_cgroup)
        _log->note("no control group could be made for it: it was held by rlimits and samples");
    _cgroup.remove(); // or, when something in it cannot be ended, the launcher does
}

void RunningTest::setPhase(Phase phase, std::optional<Instant> deadline) {
    _phase = phase;
    _phaseDeadline = deadline;
}

bool RunningTest::step(Stop stop, bool nothingLeft) {
    switch (_phase) {
    case Phase::running:
        return stepRunning(stop);
    case Phase::draining:
        return stepDraining(stop, nothingLeft);
    case Phase::killing:
        return stepKilling(stop, nothingLeft);
    case Phase::harvesting:
        return stepHarvesting(stop);
    case Phase::ended:
        break;
    }
    return false;
}

bool RunningTest::stepRunning(Stop stop) {
    if (stop == Stop::lease && !_exited) { // no grace: the time for it is not ours any more
        _killAt = instant();
        setPhase(Phase::killing, instant() + kKillAtMost);
        return true;
    }
    if (stop != Stop::none && !_killAt && !_exited) {
        if (_kept) {
            ::kill(_process.pid, SIGTERM); // its keeper hands it on to the test's group
        } else {
            ::kill(-_process.pid, SIGTERM); // its group: it leads a session of its own
            ::kill(-_process.pid, SIGCONT);
        }
        _killAt = instant() + std::chrono::seconds(_attempt.config.cancelGraceSeconds);
    }
    if (_exited) {
        setPhase(Phase::draining, _killAt ? *_killAt : instant() + kDrain);
        return true;
    }
    if ((_killAt && instant() >= *_killAt) || !memoryIsRight()) {
        setPhase(Phase::killing, instant() + kKillAtMost);
        return true;
    }
    return false;
}

bool RunningTest::memoryIsRight() {
    if (!_nextSample || instant() < *_nextSample) return true;
    _nextSample = instant() + kSampleEvery;
    const std::int64_t limit = _attempt.config.memoryLimitBytes;
    if (memoryOfDescendants(_kept ? _process.pid : ::getpid()) <= limit) return true;
    _result.errorDetails = "its processes together held more than " + std::to_string(limit) +
                           " bytes of memory ([exec] memory_limit_bytes)";
    return false;
}

bool RunningTest::stepDraining(Stop stop, bool nothingLeft) {
    if (stop == Stop::lease) {
        setPhase(Phase::killing, instant() + kKillAtMost);
        return true;
    }
    // Stopping: the rest of its group has the grace too, to clean up after itself.
    bool quiet = _killAt ? nothingLeft : !_process.output || nothingLeft || stop != Stop::none;
    if (!quiet && instant() < *_phaseDeadline) return false;
    setPhase(Phase::killing, instant() + kKillAtMost);
    return true;
}

void RunningTest::killRound() {
    // The group's may fail: nothing is in it any more, or the kernel is older than 5.14.
    _cgroup.kill();
    if (_user) killUser(_user->uid);
    if (!_kept) {
        // Also with a uid: the helper that kills as that user could have been killed by it first.
        killDescendants(::getpid());
    } else if (_process.pid > 0) {
        killDescendants(_process.pid);
        // The keeper ends by itself, unless the test has stopped it.
        if (_killRounds > 2) ::kill(_process.pid, SIGKILL);
    }
    // What is killed is not gone at once; its end wakes us.
    _nextKill = instant() + std::chrono::milliseconds(std::min(50, 1 + _killRounds++));
}

bool RunningTest::stepKilling(Stop stop, bool nothingLeft) {
    if (!nothingLeft && instant() < *_phaseDeadline) {
        if (_nextKill && instant() < *_nextKill) return false;
        killRound();
        return false;
    }
    _nextKill.reset();
    if (!nothingLeft) {
        _leftovers = true;
        _result.errorDetails = "processes of the test could not be ended";
    }
    while (_process.output && readOutput() > 0) { // no writer is left: this ends
    }
    _process.output.reset();
    keep(_mask.finish());
    _log->finish();
    leaveGroup();
    flushLog(true);
    if (!_leftovers && stop != Stop::lease &&
        (!_attempt.box->isEmpty("artifacts-" + positionText()) ||
         !_attempt.box->isEmpty("results-" + positionText()))) {
        _harvest = std::make_unique<Harvest>(_attempt.folder, _attempt.box->folder(), _test.position, _user,
                                             _attempt.allowance);
        _harvestChild = _harvest->pid();
        setPhase(Phase::harvesting, instant() + kHarvestAtMost);
        return true;
    }
    _result.casesJson = allCases("[]");
    end(stop);
    return true;
}

bool RunningTest::stepHarvesting(Stop stop) {
    if (!_harvest->advance() && instant() < *_phaseDeadline) return false;
    for (const std::string& note : _harvest->notes()) _log->note(_mask.masked(note));
    _result.casesJson = allCases(maskedCases(_harvest->casesJson()));
    if (_harvestChild > 0) {
        ::kill(_harvestChild, SIGKILL); // it has said all, or took too long
        int status;
        while (::waitpid(_harvestChild, &status, 0) < 0 && errno == EINTR) {
        }
        _harvestChild = -1;
    }
    _harvest.reset();
    flushLog(true);
    end(stop);
    return true;
}

void RunningTest::end(Stop stop) {
    if (!_exited) _exitedAt = instant();
    _result.durationMs =
        std::chrono::duration_cast<std::chrono::milliseconds>(_exitedAt - _startedAt).count();
    _result.completedAt =
        *_result.startedAt + *_result.durationMs * 1000; // by the steady clock: never before it began
    _result.outputBytes = _log->outputBytes();
    _result.truncated = _log->truncated();
    if (_exited && WIFEXITED(_waitStatus)) _result.exitCode = WEXITSTATUS(_waitStatus);
    if (_exited && WIFSIGNALED(_waitStatus)) _result.signal = WTERMSIG(_waitStatus);
    if (_killAt)
        _result.status = stop == Stop::timeout  ? TestStatus::timeout
                         : stop == Stop::cancel ? TestStatus::cancelled
                                                : TestStatus::error;
    else
        _result.status = _result.exitCode == 0 ? TestStatus::passed : TestStatus::failed;
    if (_killAt && stop == Stop::timeout)
        _result.errorDetails = "the run took longer than " + std::to_string(_attempt.run.timeoutSeconds) +
                               " s" + (_result.errorDetails.empty() ? "" : "; " + _result.errorDetails);
    _log->sync();
    if (_result.errorDetails.empty()) _result.errorDetails = _log->problem();
    _log.reset();
    _process = {};
    setPhase(Phase::ended);
}

} // namespace usher
