#include "exec/leader/Leader.h"

#include "exec/Files.h"
#include "exec/ProcessTable.h"
#include "exec/Remains.h"
#include "exec/RunHandover.h"
#include "exec/RunSpec.h"

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

constexpr auto kHandoverAtMost = 10s;
constexpr auto kQuietFor = 10ms; ///< of a run's beginning; a short one ends before it has to be shown

Micros wallClock() {
    return SystemClock{}.now();
}
Instant instant() {
    return std::chrono::steady_clock::now();
}

} // namespace

Leader::Leader(LeaderOrder order, const ExecConfig& config, UniqueFd runFolder, UniqueFd control)
    : _order(std::move(order)), _config(config), _runFolder(std::move(runFolder)),
      _control(std::move(control)), _facts{_order, _config, _run, -1, nullptr, nullptr, {}, {}, {}, {}, {}} {}

bool Leader::begin() {
    // Before the attempt is begun: a leader that got nothing may be followed by one that does.
    const std::vector<int> connections = _control.connections();
    _run = receiveRun(connections.empty() ? -1 : connections[0], kHandoverAtMost);
    if (_run.runId != _order.runId || _run.attempt != _order.attempt)
        throw std::runtime_error("what was handed over is another run or attempt");

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
    if (!_attempt || ::fchmod(_attempt.get(), 0711) != 0 || ::fchdir(_attempt.get()) != 0)
        throw std::runtime_error("cannot prepare " + name + ": " + std::strerror(errno));
    auto self = findProcess(::getpid());
    _journal = std::make_unique<JournalWriter>(_attempt.get());
    journal(toJson(LeaderIdentity{bootId(), ::getpid(), self ? self->startTicks : 0}));
    _control.tell({{"e", "hello"}});
    _control.setGreeting({{"e", "hello"}});

    chooseUsers();
    _sandbox = describeSandbox(_config, !_users.empty(), _run.network, !_order.cgroup.empty());
    if (_config.sandbox == "strict") _filter = std::make_unique<SyscallFilter>();
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
        _next = _results.size();
        return true;
    }
    _facts.folder = _attempt.get();
    _facts.box = _box.get();
    _facts.filter = _filter.get();
    _facts.cgroup = Cgroup(_order.cgroup);
    _facts.temporary = _temporary->path();
    _facts.allowance = {_config.artifactCapBytes, _config.artifactCapFiles};
    _facts.journal = [this](const Json& entry) { journal(entry); };
    _facts.tellGrew = [this] { tellGrew(); };
    return true;
}

/// As many tests at once as the job says, but never two with one uid: they could kill and trace each other.
void Leader::chooseUsers() {
    _parallelism = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(1, _run.parallelism)), 1,
                                           std::max<std::size_t>(1, _run.tests.size()));
    if (_order.uids.empty()) return;
    _parallelism = std::min(_parallelism, _order.uids.size());
    for (std::size_t i = 0; i < _parallelism; ++i)
        _users.push_back({_order.uids[i], static_cast<gid_t>(_order.uids[0])});
    _freeUsers.assign(_users.begin(), _users.end());
}

bool Leader::prepareBox() {
    if (!_users.empty()) { // only a member may give files to the tests' groups
        std::vector<gid_t> groups = {::getegid()};
        for (const TestUser& user : _users) groups.push_back(static_cast<gid_t>(user.uid));
        if (::setgroups(groups.size(), groups.data()) != 0) {
            _runProblem = std::string("cannot join the tests' group: ") + std::strerror(errno);
            return false;
        }
    }
    std::string path = _config.runsDir + "/" + _order.runId + "/" + attemptFolder(_order.attempt);
    _box = std::make_unique<Box>(_attempt.get(), path, _users, _config.runsDir);
    if (!_box->create(_runProblem)) return false;
    _temporary = std::make_unique<Temporary>(_config.runsDir, _users, _box->path("tmp"));
    if (!_temporary->create(_runProblem)) return false;
    // All scripts before the first test: later ones cannot find their names taken.
    for (const TestToRun& test : _run.tests)
        if (test.type != "exec" &&
            !_box->writeScript(scriptName(_config, test), scriptText(test), _runProblem))
            return false;
    return true;
}

int Leader::run() {
    if (!begin()) return _exitCode;
    while (!_over) {
        while (step()) {
        }
        if (!_over) wait();
    }
    end();
    if (_temporary && !_temporary->clear()) _exitCode = kLeaderUnclean;
    if (_box && !_box->remove()) _exitCode = kLeaderUnclean;
    if (_leftovers) _exitCode = kLeaderUnclean;
    return _exitCode;
}

bool Leader::step() {
    checkStop();
    bool moved = false;
    for (auto& test : _running) moved |= test->step(_stop, nothingLeft(*test));
    for (std::size_t i = 0; i < _running.size();) {
        if (!_running[i]->ended()) {
            ++i;
            continue;
        }
        auto ended = std::move(_running[i]);
        _running.erase(_running.begin() + static_cast<std::ptrdiff_t>(i));
        onEnded(*ended);
    }
    while (_running.size() < _parallelism && startNext()) moved = true;
    if (_running.empty() && _next >= _results.size()) _over = true;
    return moved && !_over;
}

void Leader::checkStop() {
    if (_run.leaseUntil && _stop != Stop::lease && !_over &&
        SystemClock{}.bootTime() >= _run.leaseUntil - kBeforeLeaseEnds) {
        _stop = Stop::lease;
        _runProblem = "its node could not renew its lease in time";
    }
    bool timed = _next < _results.size() || std::any_of(_running.begin(), _running.end(),
                                                        [](const auto& test) { return test->running(); });
    if (_stop == Stop::none && timed && instant() >= _runDeadline) _stop = Stop::timeout;
}

/// False: there is none to start.
bool Leader::startNext() {
    if (_next >= _results.size()) return false;
    // A cancel may have come before the first test, or while the last one was brought in.
    for (int connection : _control.connections()) onControl(connection);
    checkStop();
    if (_stop != Stop::none || _leftovers) {
        for (; _next < _results.size(); ++_next) _results[_next].status = TestStatus::skipped;
        return false;
    }
    std::optional<TestUser> user;
    if (!_users.empty()) user = _freeUsers.front();
    const TestToRun& test = _run.tests[_next];
    RunTest& result = _results[_next];
    auto running = std::make_unique<RunningTest>(_facts, test, result, user, _parallelism > 1 || _filter);
    _childless = false;
    ++_next;
    if (!running->start()) {
        storeResult(result, _next >= _results.size() && _running.empty());
        return true;
    }
    if (user) _freeUsers.pop_front();
    if (!_runStarted) {
        _runStarted = true;
        _runStartedAt = *result.startedAt;
        journal({{"t", "state"}, {"status", "running"}, {"at", _runStartedAt}, {"sandbox", _sandbox}});
        _showAt = instant() + kQuietFor;
    }
    journal({{"t", "test"}, {"test", test.position}, {"status", "running"}, {"at", *result.startedAt}});
    tellGrew();
    _running.push_back(std::move(running));
    return true;
}

void Leader::onEnded(RunningTest& test) {
    if (test.leftovers())
        _leftovers = true; // and nobody else runs under that uid
    else if (test.user())
        _freeUsers.push_back(*test.user());
    // The last one's comes with the run's own.
    storeResult(test.result(), _next >= _results.size() && _running.empty());
}

std::vector<pid_t> Leader::strangers() const {
    std::vector<pid_t> unknown;
    for (pid_t child : childrenOf(::getpid()))
        if (std::none_of(_running.begin(), _running.end(),
                         [&](const auto& test) { return test->owns(child); }))
            unknown.push_back(child);
    return unknown;
}

bool Leader::nothingLeft(const RunningTest& test) {
    if (test.inGroup()) return false;
    if (!test.kept()) return _childless;
    if (!test.keeperGone() || test.keeperEndedWell()) return test.keeperGone();
    reap();
    const std::vector<pid_t> unknown = strangers();
    for (pid_t pid : unknown) {
        killDescendants(pid);
        ::kill(pid, SIGKILL);
    }
    return unknown.empty();
}

} // namespace usher
