// What the leader writes down and whom it tells: results, the journal, the end of the run; and how it waits.
#include "exec/leader/Leader.h"

#include "exec/Files.h"
#include "exec/RunSpec.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr int kResultTries = 60;
constexpr std::size_t kLongOutcome = 65'536; ///< longer ones would be in the way of the journal's readers

Instant instant() {
    return std::chrono::steady_clock::now();
}

} // namespace

void Leader::wait() {
    if (!_signals) {
        sigset_t set;
        sigemptyset(&set);
        for (int number : {SIGCHLD, SIGTERM}) sigaddset(&set, number);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        _signals.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    std::vector<pollfd> watched;
    auto watch = [&](int fd) {
        if (fd >= 0) watched.push_back({fd, POLLIN, 0});
    };
    watch(_signals.get());
    // Perhaps nobody follows us any more. A full disk may have room for the socket in a moment.
    const int patience = _control.reachable() ? untilNextLook() : std::min(untilNextLook(), 1000);
    watch(_control.listener());
    for (int connection : _control.connections()) watch(connection);
    for (const auto& test : _running)
        for (int descriptor : test->descriptors()) watch(descriptor);

    // By a descriptor, not by the wait: poll's clock stands still in suspend, and the lease does not.
    watchLease();
    watch(_leaseTimer.get());

    ::poll(watched.data(), watched.size(), patience);
    for (const pollfd& one : watched) {
        if (!one.revents) continue;
        const auto connections = _control.connections();
        if (one.fd == _signals.get())
            onSignals();
        else if (one.fd == _control.listener())
            _control.accept();
        else if (std::find(connections.begin(), connections.end(), one.fd) != connections.end())
            onControl(one.fd);
        else
            for (const auto& test : _running) test->readable(one.fd);
    }
    for (const auto& test : _running) test->flushLog(false);
    // A daemon that comes back looks for our first line.
    if (_showAt && (instant() >= *_showAt || _control.connections().empty())) show();
}

int Leader::untilNextLook() {
    // A child that ended before its signal was blocked would not wake us.
    reap();
    Instant now = instant(), until = std::min(now + 1h, _showAt.value_or(now + 1h));
    for (const auto& test : _running) {
        if (auto next = test->nextLook()) until = std::min(until, *next);
        if (!test->running()) continue;
        if (test->exited()) return 0;
        if (_stop == Stop::none) until = std::min(until, _runDeadline);
    }
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    return static_cast<int>(std::max<std::int64_t>(0, left));
}

void Leader::watchLease() {
    if (!_run.leaseUntil || _stop == Stop::lease) return _leaseTimer.reset();
    if (!_leaseTimer) _leaseTimer.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    const BootMillis at = _run.leaseUntil - kBeforeLeaseEnds;
    itimerspec when{};
    when.it_value = {at / 1000, at % 1000 * 1'000'000};
    ::timerfd_settime(_leaseTimer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Leader::onSignals() {
    signalfd_siginfo info{};
    while (::read(_signals.get(), &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM && _stop == Stop::none) {
            _stop = Stop::told;
            _runProblem = "the run's leader was told to stop (SIGTERM)";
        }
    reap();
}

void Leader::onControl(int connection) {
    for (const Json& message : _control.receive(connection)) {
        const std::string operation = message.value("op", "");
        if (operation == "cancel" && _stop == Stop::none) _stop = Stop::cancel;
        if (operation == "lease" && _run.leaseUntil)
            _run.leaseUntil = message.value("until", _run.leaseUntil);
    }
}

void Leader::reap() {
    int status = 0;
    pid_t pid;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0)
        for (const auto& test : _running)
            if (test->reaped(pid, status)) break;
    _childless = pid < 0 && errno == ECHILD;
}

void Leader::journal(const Json& entry) {
    _journal->add(entry);
}

void Leader::tellGrew() {
    if (!_showAt || instant() >= *_showAt) show();
}

void Leader::show() {
    _showAt.reset();
    if (!_journal->pending()) return;
    if (!_journal->flush()) {
        if (!_journal->begun())
            throw std::runtime_error(std::string("cannot write the journal: ") + std::strerror(errno));
        _journal->drop(); // the disk is full; the end is tried again and again
    }
    _control.tell({{"e", "grew"}});
}

void Leader::storeResult(const RunTest& test, bool last) {
    if (last) {
        _last = &test;
        return;
    }
    writeOnce(_attempt.get(), "result-" + std::to_string(test.position) + ".json", toText(toJson(test)));
    journalResult(test);
    tellGrew();
}

void Leader::journalResult(const RunTest& test) {
    journal({{"t", "result"}, {"test", test.position}, {"status", toText(test.status)}});
}

RunOutcome Leader::outcome() const {
    RunOutcome result;
    result.runId = _run.runId;
    result.attempt = _order.attempt;
    result.sandbox = _sandbox;
    result.startedAt = _runStartedAt;
    result.completedAt = SystemClock{}.now();
    for (const RunTest& test : _results) // the wall clock may have been put back
        result.completedAt = std::max(result.completedAt, test.completedAt.value_or(0));
    result.tests = _results;
    result.errorDetails = _runProblem;
    auto firstOf = [&](TestStatus status) -> const RunTest* {
        for (const RunTest& test : _results)
            if (test.status == status) return &test;
        return nullptr;
    };
    const RunTest* decided = nullptr;
    if (_stop == Stop::cancel) {
        result.status = RunStatus::cancelled;
        decided = firstOf(TestStatus::cancelled);
    } else if (_stop == Stop::timeout) {
        result.status = RunStatus::timeout;
        decided = firstOf(TestStatus::timeout);
    } else if (_stop == Stop::lease) {
        result.status = RunStatus::lost;
    } else if (_stop == Stop::told) {
        result.status = RunStatus::error;
    } else if ((decided = firstOf(TestStatus::failed))) {
        result.status = RunStatus::failed;
    } else if ((decided = firstOf(TestStatus::error)) || _results.empty() || !_runProblem.empty()) {
        result.status = RunStatus::error;
    } else {
        result.status = RunStatus::passed;
        decided = &_results.back(); // in the order of the list, not of time
    }
    if (decided) {
        result.exitCode = decided->exitCode;
        result.signal = decided->signal;
        if (result.errorDetails.empty()) result.errorDetails = decided->errorDetails;
    }
    return result;
}

void Leader::end() {
    const RunOutcome result = outcome();
    if (_last) journalResult(*_last);
    journal({{"t", "state"}, {"status", toText(result.status)}});
    Json end{{"t", "end"}, {"outcome", toJson(result)}};
    const std::string text = toText(end["outcome"]);
    const bool apart = text.size() > kLongOutcome;
    if (apart) end.erase("outcome");
    journal(end);
    // A full disk may have room again in a moment, and without its result the run counts as lost.
    for (int tries = 0; !((!apart || writeOnce(_attempt.get(), "result.json", text)) && _journal->sync());
         ++tries) {
        if (tries == kResultTries) {
            _control.tell(
                {{"e", "failed"}, {"why", std::string("cannot write the result: ") + std::strerror(errno)}});
            return;
        }
        std::this_thread::sleep_for(1s);
    }
    _control.tell({{"e", "done"}});
    _control.closeAll();
}

} // namespace usher
