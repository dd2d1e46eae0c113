#include "exec/leader/Leader.h"

#include "exec/Files.h"
#include "exec/ProcessTable.h"
#include "exec/Remains.h"
#include "exec/RunSpec.h"
#include "exec/SecretHandover.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr auto kDrain = 2s;
constexpr auto kKillAtMost = 10s;
constexpr auto kHarvestAtMost = 120s;
constexpr auto kSecretsAtMost = 10s;

Micros wallClock() {
    return SystemClock{}.now();
}
Instant instant() {
    return std::chrono::steady_clock::now();
}

} // namespace

Leader::Leader(LeaderOrder order, UniqueFd runFolder, UniqueFd control)
    : _order(std::move(order)), _runFolder(std::move(runFolder)), _control(std::move(control)) {}

bool Leader::begin() {
    auto spec = readBeneath(_runFolder.get(), "run.json", 256u << 20);
    if (!spec) throw std::runtime_error(std::string("cannot read run.json: ") + std::strerror(errno));
    _run = runFromJson(*spec);
    if (_run.runId != _order.runId || _run.attempt != _order.attempt)
        throw std::runtime_error("run.json is of another run or attempt");

    takeSecrets();

    // Who makes this folder owns the attempt: of two leaders, one goes on.
    const std::string name = attemptFolder(_order.attempt);
    if (::mkdirat(_runFolder.get(), name.c_str(), 0711) != 0) {
        if (errno != EEXIST)
            throw std::runtime_error(std::string("cannot make ") + name + ": " + std::strerror(errno));
        _control.tell({{"e", "duplicate"}});
        _exitCode = kLeaderDuplicate;
        return false;
    }
    _attempt = openBeneath(_runFolder.get(), name, O_RDONLY | O_DIRECTORY);
    // Durable before any test runs: after a power cut nobody may take this attempt for one that never began.
    if (!_attempt || ::fchmod(_attempt.get(), 0711) != 0 || ::fsync(_runFolder.get()) != 0)
        throw std::runtime_error("cannot prepare " + name + ": " + std::strerror(errno));
    _control.tell({{"e", "hello"}});
    _control.setGreeting({{"e", "hello"}});

    if (!_order.uids.empty()) _uid = _order.uids[0];
    _sandbox = describeSandbox(_order.profile, _uid.has_value());
    _allowance = {_order.config.artifactCapBytes, _order.config.artifactCapFiles};
    _runStartedAt = wallClock();
    _runDeadline = instant() + std::chrono::seconds(std::max(1, _run.timeoutSeconds));
    std::stable_sort(_run.tests.begin(), _run.tests.end(),
                     [](const TestToRun& a, const TestToRun& b) { return a.position < b.position; });
    for (const TestToRun& test : _run.tests) _results.push_back(pendingTest(test));
    if (_results.empty()) _runProblem = "the run has no tests";
    if (!prepareBox()) {
        for (RunTest& test : _results) {
            test.status = TestStatus::error;
            test.errorDetails = _runProblem;
        }
        _index = _results.size();
    }
    return true;
}

/// Before the attempt is begun: a leader that got none may be followed by one that does.
void Leader::takeSecrets() {
    if (_run.hasSecrets) {
        const std::vector<int> connections = _control.connections();
        auto secrets = connections.empty() ? std::nullopt : receiveSecrets(connections[0], kSecretsAtMost);
        if (!secrets) throw std::runtime_error("the job's secrets did not come");
        _run.secrets = std::move(*secrets);
    }
    _mask = std::make_unique<SecretMask>(_run.secrets);
}

/// After the first test was started, because a new file may cost half a millisecond. Who looks for a leader
/// in the meantime finds the attempt's folder and looks again.
void Leader::publish() {
    if (_journal) return;
    if (::fchdir(_attempt.get()) != 0 || !_control.listen())
        throw std::runtime_error(std::string("cannot make control.sock: ") + std::strerror(errno));
    _journal = std::make_unique<JournalWriter>(_attempt.get());
    auto self = findProcess(::getpid());
    LeaderIdentity identity{bootId(), ::getpid(), self ? self->startTicks : 0};
    if (!_journal->good() ||
        !replaceFile(_attempt.get(), "identity.json", toIdentityJson(identity), 0600, false))
        throw std::runtime_error(std::string("cannot write the journal: ") + std::strerror(errno));
}

bool Leader::prepareBox() {
    if (_uid) { // only a member may give files to the test's group
        gid_t groups[] = {::getegid(), static_cast<gid_t>(*_uid)};
        if (::setgroups(2, groups) != 0) {
            _runProblem = std::string("cannot join the tests' group: ") + std::strerror(errno);
            return false;
        }
    }
    std::string path = _order.config.runsDir + "/" + _order.runId + "/" + attemptFolder(_order.attempt);
    _box = std::make_unique<Box>(_attempt.get(), path, _uid);
    if (!_box->create(_runProblem)) return false;
    _temporary = std::make_unique<ShortName>(_order.config.runsDir, _box->path("tmp"));
    // All scripts before the first test: later ones cannot find their names taken.
    for (const TestToRun& test : _run.tests)
        if (test.type != "exec" &&
            !_box->writeScript(scriptName(_order.config, test), scriptText(test), _runProblem))
            return false;
    return true;
}

int Leader::run() {
    if (!begin()) return _exitCode;
    while (_phase != Phase::ended) {
        while (step()) {
        }
        if (_phase != Phase::ended) wait();
    }
    end();
    _temporary.reset();
    if (_box && !_box->remove()) _exitCode = kLeaderUnclean;
    if (_leftovers) _exitCode = kLeaderUnclean;
    return _exitCode;
}

bool Leader::step() {
    checkStop();
    switch (_phase) {
    case Phase::next:
        return stepNext();
    case Phase::running:
        return stepRunning();
    case Phase::draining:
        return stepDraining();
    case Phase::killing:
        return stepKilling();
    case Phase::harvesting:
        return stepHarvesting();
    case Phase::ended:
        break;
    }
    return false;
}

void Leader::setPhase(Phase phase, std::optional<Instant> deadline) {
    _phase = phase;
    _phaseDeadline = deadline;
}

void Leader::checkStop() {
    if (_run.leaseUntil && _stop != Stop::lease && _phase != Phase::ended &&
        SystemClock{}.bootTime() >= _run.leaseUntil - kBeforeLeaseEnds) {
        _stop = Stop::lease;
        _runProblem = "its node could not renew its lease in time";
    }
    bool timed = _phase == Phase::running || (_phase == Phase::next && _index < _results.size());
    if (_stop == Stop::none && timed && instant() >= _runDeadline) _stop = Stop::timeout;
}

bool Leader::stepNext() {
    // A cancel may have come before the first test, or while the last one was brought in.
    for (int connection : _control.connections()) onControl(connection);
    if (_index >= _results.size()) {
        setPhase(Phase::ended);
    } else if (_stop != Stop::none) {
        for (; _index < _results.size(); ++_index) present().status = TestStatus::skipped;
    } else {
        startOne(_run.tests[_index]);
    }
    return true;
}

void Leader::startOne(const TestToRun& test) {
    RunTest& result = present();
    std::string problem;
    if (_box->makeTestFolders(test.position, problem)) {
        auto plan = planTest(_order, _run, test, *_box, _temporary->path());
        if (auto* why = std::get_if<std::string>(&plan)) {
            problem = *why;
        } else {
            _exited = _childless = false;
            _testStarted = instant();
            _test = startTest(std::get<TestPlan>(plan));
            problem = _test.problem;
        }
    }
    if (!problem.empty()) {
        result.status = TestStatus::error;
        result.errorDetails = problem;
        _test = {};
        storeResult(result, _index + 1 < _results.size());
        ++_index;
        return;
    }
    _pid = _test.pid;
    const std::string name = "test-" + std::to_string(test.position) + ".log";
    UniqueFd file = openBeneath(_attempt.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
    if (!file)
        result.errorDetails = "cannot make " + name + ": " + std::strerror(errno); // its output is lost
    _log = std::make_unique<OutputLog>(std::move(file), _order.config.outputCapBytes);
    _announced = 0;
    _announcedAt = {};
    _killRounds = 0;
    result.status = TestStatus::running;
    result.startedAt = wallClock();
    if (!_runStarted) {
        _runStarted = true;
        _runStartedAt = *result.startedAt;
        journal({{"t", "state"}, {"status", "running"}, {"at", _runStartedAt}, {"sandbox", _sandbox}});
    }
    journal({{"t", "test"}, {"test", test.position}, {"status", "running"}, {"at", *result.startedAt}});
    tellGrew();
    setPhase(Phase::running);
}

bool Leader::stepRunning() {
    if (_stop == Stop::lease && !_exited) { // no grace: the time for it is not ours any more
        _killAt = instant();
        setPhase(Phase::killing, instant() + kKillAtMost);
        return true;
    }
    if (_stop != Stop::none && !_killAt && !_exited) {
        ::kill(-_pid, SIGTERM); // its group: it leads a session of its own
        ::kill(-_pid, SIGCONT);
        _killAt = instant() + std::chrono::seconds(_order.config.cancelGraceSeconds);
    }
    if (_exited) {
        setPhase(Phase::draining, _killAt ? *_killAt : instant() + kDrain);
        return true;
    }
    if (_killAt && instant() >= *_killAt) {
        setPhase(Phase::killing, instant() + kKillAtMost);
        return true;
    }
    return false;
}

bool Leader::stepDraining() {
    if (_stop == Stop::lease) {
        setPhase(Phase::killing, instant() + kKillAtMost);
        return true;
    }
    // Stopping: the rest of its group has the grace too, to clean up after itself.
    bool quiet = _killAt ? _childless : !_test.output || _childless || _stop != Stop::none;
    if (!quiet && instant() < *_phaseDeadline) return false;
    setPhase(Phase::killing, instant() + kKillAtMost);
    return true;
}

bool Leader::stepKilling() {
    reap();
    if (!_childless && instant() < *_phaseDeadline) {
        if (_uid) killUser(*_uid);
        // Also with a uid: the helper that kills as that user could have been killed by it first.
        killDescendants();
        reap();
        // What is killed is not gone at once.
        if (!_childless) {
            timespec pause{0, std::min(50, 1 + _killRounds++) * 1'000'000};
            ::nanosleep(&pause, nullptr);
            return true;
        }
    }
    if (!_childless) {
        _leftovers = true;
        present().errorDetails = "processes of the test could not be ended";
    }
    while (_test.output && readOutput() > 0) { // no writer is left: this ends
    }
    _test.output.reset();
    _log->append(_mask->finish());
    _log->finish();
    flushLog(true);
    const std::string number = std::to_string(present().position);
    if (!_leftovers && _stop != Stop::lease &&
        (!_box->isEmpty("artifacts-" + number) || !_box->isEmpty("results-" + number))) {
        _childless = false;
        _harvest =
            std::make_unique<Harvest>(_attempt.get(), _box->folder(), present().position, _uid, _allowance);
        setPhase(Phase::harvesting, instant() + kHarvestAtMost);
        return true;
    }
    endTest();
    return true;
}

bool Leader::stepHarvesting() {
    if (!_harvest->advance() && instant() < *_phaseDeadline) return false;
    for (const std::string& note : _harvest->notes()) _log->note(_mask->masked(note));
    present().casesJson = maskedCases(_harvest->casesJson());
    pid_t child = _harvest->pid();
    _harvest.reset();
    int status;
    if (child > 0) {
        ::kill(child, SIGKILL); // it has said all, or took too long
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
    }
    flushLog(true);
    endTest();
    return true;
}

void Leader::endTest() {
    RunTest& result = present();
    if (!_exited) _exitedAt = instant();
    result.durationMs =
        std::chrono::duration_cast<std::chrono::milliseconds>(_exitedAt - _testStarted).count();
    result.completedAt =
        *result.startedAt + *result.durationMs * 1000; // by the steady clock: never before it began
    result.outputBytes = _log->outputBytes();
    result.truncated = _log->truncated();
    if (_exited && WIFEXITED(_waitStatus)) result.exitCode = WEXITSTATUS(_waitStatus);
    if (_exited && WIFSIGNALED(_waitStatus)) result.signal = WTERMSIG(_waitStatus);
    if (_killAt)
        result.status = _stop == Stop::timeout  ? TestStatus::timeout
                        : _stop == Stop::cancel ? TestStatus::cancelled
                                                : TestStatus::error;
    else
        result.status = result.exitCode == 0 ? TestStatus::passed : TestStatus::failed;
    if (_killAt && _stop == Stop::timeout)
        result.errorDetails = "the run took longer than " + std::to_string(_run.timeoutSeconds) + " s";
    _log->sync();
    storeResult(result, _index + 1 < _results.size());
    _log.reset();
    _test = {};
    _pid = -1;
    _killAt.reset();
    ++_index;
    setPhase(_leftovers ? Phase::ended : Phase::next);
}

} // namespace usher
