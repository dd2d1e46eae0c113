// What the leader writes down and whom it tells: results, the journal, the end of the run; and how it waits.
#include "exec/leader/Leader.h"

#include "exec/Files.h"
#include "exec/RunSpec.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr auto kAnnounceEvery = 20ms; // a test that writes byte by byte must not fill the disk with journal
constexpr std::int64_t kAnnounceBytes = 32 * 1024;
constexpr int kResultTries = 60;

} // namespace

void Leader::wait() {
    if (!_signals) {
        sigset_t set;
        sigemptyset(&set);
        for (int number : {SIGCHLD, SIGTERM}) sigaddset(&set, number);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        _signals.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    // A handful of descriptors that come and go: a fresh set each time is simpler than keeping one right, and
    // a leader waits some dozen times in its life.
    _epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    auto watch = [&](int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (fd >= 0) ::epoll_ctl(_epoll.get(), EPOLL_CTL_ADD, fd, &event);
    };
    watch(_signals.get());
    watch(_control.listener());
    for (int connection : _control.connections()) watch(connection);
    watch(_test.output.get());
    if (_harvest) watch(_harvest->descriptor());

    Instant now = std::chrono::steady_clock::now(), until = now + 1h;
    // By a descriptor, not by the wait: epoll's clock stands still in suspend, and the lease does not.
    watchLease();
    watch(_leaseTimer.get());
    if (_phase == Phase::running && _stop == Stop::none) until = std::min(until, _runDeadline);
    if (_phaseDeadline) until = std::min(until, *_phaseDeadline);
    if (_killAt) until = std::min(until, *_killAt);
    if (_log && _log->readableBytes() > _announced) until = std::min(until, _announcedAt + kAnnounceEvery);
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    // A child that ended before its signal was blocked would not wake us.
    reap();
    if (_exited && _phase == Phase::running) left = 0;

    std::array<epoll_event, 16> events;
    int count = ::epoll_wait(_epoll.get(), events.data(), static_cast<int>(events.size()),
                             static_cast<int>(std::max<std::int64_t>(0, left)));
    for (int i = 0; i < count; ++i) {
        int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == _signals.get())
            onSignals();
        else if (fd == _control.listener())
            _control.accept();
        else if (fd == _test.output.get())
            readOutput();
        else if (fd != _leaseTimer.get() && (!_harvest || fd != _harvest->descriptor()))
            onControl(fd);
    }
    flushLog(false);
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
    if (_harvest) return; // its child is waited for by name
    int status = 0;
    pid_t pid;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != _pid) continue;
        _exited = true;
        _waitStatus = status;
        _exitedAt = std::chrono::steady_clock::now();
    }
    _childless = pid < 0 && errno == ECHILD;
}

std::size_t Leader::readOutput() {
    std::array<char, 65536> block;
    std::size_t came = 0;
    for (int turn = 0; turn < 16 && _test.output; ++turn) {
        ssize_t n = ::read(_test.output.get(), block.data(), block.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            _test.output.reset();
            break;
        }
        came += static_cast<std::size_t>(n);
        const std::string_view bytes{block.data(), static_cast<std::size_t>(n)};
        _mask->empty() ? _log->append(bytes) : _log->append(_mask->feed(bytes));
        flushLog(false);
    }
    return came;
}

std::string Leader::maskedCases(const std::string& casesJson) const {
    if (_mask->empty()) return casesJson;
    auto parsed = parseJson(casesJson, {.maxBytes = 64u << 20, .maxValues = 5'000'000});
    Json* cases = std::get_if<Json>(&parsed);
    if (!cases || !cases->is_array()) return "[]";
    for (Json& one : *cases)
        for (Json& field : one)
            if (field.is_string()) field = _mask->masked(field.get_ref<const std::string&>());
    return toText(*cases);
}

void Leader::flushLog(bool all) {
    if (!_log) return;
    auto now = std::chrono::steady_clock::now();
    std::int64_t ready = _log->readableBytes();
    if (ready > _announced &&
        (all || ready - _announced >= kAnnounceBytes || now >= _announcedAt + kAnnounceEvery)) {
        for (std::int64_t from = _announced; from < ready;) {
            // The end of a capped log comes at once; readers want pieces.
            std::int64_t length = std::min<std::int64_t>(ready - from, 4 * kAnnounceBytes);
            journal({{"t", "log"}, {"test", present().position}, {"off", from}, {"len", length}});
            from += length;
        }
        _announced = ready;
        _announcedAt = now;
        tellGrew();
    }
}

void Leader::journal(const Json& entry) {
    publish();
    _journal->add(entry);
}

void Leader::tellGrew() {
    _control.tell({{"e", "grew"}});
}

void Leader::storeResult(RunTest& test, bool durable) {
    replaceFile(_attempt.get(), "result-" + std::to_string(test.position) + ".json", toText(toJson(test)),
                0600, durable);
    journal({{"t", "result"}, {"test", test.position}, {"status", toText(test.status)}});
    tellGrew();
}

RunOutcome Leader::outcome() const {
    RunOutcome result;
    result.runId = _run.runId;
    result.attempt = _order.attempt;
    result.sandbox = _sandbox;
    result.startedAt = _runStartedAt;
    result.completedAt = SystemClock{}.now();
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
        decided = &_results.back();
    }
    if (decided) {
        result.exitCode = decided->exitCode;
        result.signal = decided->signal;
        if (result.errorDetails.empty()) result.errorDetails = decided->errorDetails;
    }
    return result;
}

void Leader::end() {
    RunOutcome result = outcome();
    const std::string text = toResultJson(result);
    publish();
    _journal->sync();
    // A full disk may have room again in a moment, and without its result the run counts as lost.
    for (int tries = 0; !replaceFile(_attempt.get(), "result.json", text, 0600, true); ++tries) {
        if (tries == kResultTries) {
            _control.tell(
                {{"e", "failed"}, {"why", std::string("cannot write result.json: ") + std::strerror(errno)}});
            return;
        }
        std::this_thread::sleep_for(1s);
    }
    journal({{"t", "state"}, {"status", toText(result.status)}});
    _control.tell({{"e", "done"}});
    _control.closeAll();
}

} // namespace usher
