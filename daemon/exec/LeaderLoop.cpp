#include "exec/LeaderLoop.h"

#include "exec/RunHandover.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace usher {

using namespace std::chrono_literals;

namespace {

constexpr auto kLauncherWait = 60s; ///< how long a run waits for a launcher before it is an error

} // namespace

LeaderProcess::Loop::Loop(ExecSettings settings, ExecutionListener& listener, const Clock& clock)
    : _settings(std::move(settings)), _listener(listener), _clock(clock), _launcher(_settings) {
    _epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    _wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!_epoll || !_wake) throw std::system_error(errno, std::generic_category(), "executor");
    _launcher.open();
    _sandbox = _launcher.sandbox();
    watch(_wake.get());
    // Signals are main's business.
    sigset_t all, before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    _thread = std::thread([this] { work(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LeaderProcess::Loop::~Loop() {
    {
        Lock lock(_mutex);
        _stop = true;
    }
    std::uint64_t one = 1;
    [[maybe_unused]] ssize_t n = ::write(_wake.get(), &one, sizeof one);
    _thread.join();
}

void LeaderProcess::Loop::post(Command command) {
    {
        Lock lock(_mutex);
        _commands.push_back(std::move(command));
    }
    std::uint64_t one = 1;
    [[maybe_unused]] ssize_t n = ::write(_wake.get(), &one, sizeof one);
}

std::string LeaderProcess::Loop::problem() const {
    Lock lock(_mutex);
    return _problem;
}

void LeaderProcess::Loop::watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(_epoll.get(), EPOLL_CTL_ADD, fd, &event);
}

void LeaderProcess::Loop::work() {
    bool stop = false;
    while (true) {
        if (int fd = _launcher.descriptor(); fd != _watchedLauncher) {
            _watchedLauncher = fd;
            if (fd >= 0) watch(fd);
        }
        std::array<epoll_event, 64> events;
        int count = ::epoll_wait(_epoll.get(), events.data(), static_cast<int>(events.size()), untilNext());
        {
            Lock lock(_mutex);
            stop = _stop;
        }
        if (stop) return takeCommands(); // a lease for the time of the restart may be among them
        for (int i = 0; i < count; ++i) {
            int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == _wake.get()) {
                std::uint64_t value;
                [[maybe_unused]] ssize_t n = ::read(fd, &value, sizeof value);
            } else if (fd == _launcher.descriptor()) {
                onLauncher();
            } else {
                for (auto& [name, one] : _runs)
                    if (one.control.get() == fd) {
                        onControl(one);
                        break;
                    }
            }
        }
        takeCommands();
        tick();
    }
}

void LeaderProcess::Loop::takeCommands() {
    std::vector<Command> commands;
    {
        Lock lock(_mutex);
        commands.swap(_commands);
    }
    for (auto& command : commands) {
        if (auto* start = std::get_if<Start>(&command)) onStart(std::move(*start));
        if (auto* attach = std::get_if<Attach>(&command)) onAttach(std::move(attach->run));
        if (auto* cancel = std::get_if<Cancel>(&command)) onCancel(cancel->runId);
        if (auto* lease = std::get_if<Lease>(&command)) onLease(*lease);
    }
}

void LeaderProcess::Loop::onLease(const Lease& lease) {
    for (const HeldRun& held : lease.runs) {
        auto at = _runs.find({held.runId, held.attempt});
        if (at == _runs.end() || at->second.run.leaseEpoch != held.leaseEpoch) continue;
        at->second.run.leaseUntil = lease.until;
        if (at->second.state == State::following) brief(at->second);
    }
}

void LeaderProcess::Loop::brief(const Followed& one) {
    if (one.run.leaseUntil) sendPacket(one.control.get(), {{"op", "lease"}, {"until", one.run.leaseUntil}});
    if (one.cancelled) sendPacket(one.control.get(), {{"op", "cancel"}});
}

LeaderProcess::Loop::Followed* LeaderProcess::Loop::add(ClaimedRun run) {
    const Name name = nameOf(run);
    auto [at, added] = _runs.try_emplace(name, std::move(run), _settings.runsDir);
    if (!added) return nullptr;
    at->second.since = _clock.instant();
    return &at->second;
}

void LeaderProcess::Loop::onStart(Start start) {
    Followed* one = add(std::move(start.run));
    if (!one) return; // asked twice: it runs once
    if (one->run.cancelRequested) return finishWithout(*one, RunStatus::cancelled, "");
    if (!start.problem.empty()) return finishWithout(*one, RunStatus::error, start.problem);
    try {
        one->folder.prepare();
    } catch (const std::runtime_error& error) {
        return finishWithout(*one, RunStatus::error, error.what());
    }
    ask(*one);
}

void LeaderProcess::Loop::onAttach(ClaimedRun run) {
    Followed* one = add(std::move(run));
    if (!one) return;
    one->started = one->run.startedAt.has_value();
    one->cancelled = one->run.cancelRequested;
    settle(*one);
}

void LeaderProcess::Loop::onCancel(const std::string& runId) {
    for (auto at = _runs.lower_bound({runId, 0}); at != _runs.end() && at->first.first == runId;) {
        Followed& one = (at++)->second;
        one.cancelled = true;
        if (one.state == State::waiting)
            finishWithout(one, RunStatus::cancelled, "");
        else if (one.control)
            sendPacket(one.control.get(), {{"op", "cancel"}});
    }
}

bool LeaderProcess::Loop::ask(Followed& one) {
    auto [ours, theirs] = packetPair();
    const int atOnce = std::max(1, std::min(one.run.parallelism, static_cast<int>(one.run.tests.size())));
    // First, so that it waits in the connection when the leader is born, whatever becomes of us meanwhile.
    if (!sendRun(ours.get(), one.run)) {
        finishWithout(one, RunStatus::error,
                      std::string("the run could not be handed to its leader: ") + std::strerror(errno));
        return false;
    }
    if (!_launcher.request(one.run.runId, one.run.attempt, atOnce, theirs.get())) {
        if (_launcher.complains() || _clock.instant() - one.since > kLauncherWait) {
            finishWithout(one, RunStatus::error, "the run could not be started: " + _launcher.problem());
            return false;
        }
        later(one, State::waiting, 100ms);
        return true;
    }
    ++one.asks;
    one.generation = _launcher.generation();
    one.state = State::asked;
    one.nextAt.reset();
    one.control = std::move(ours);
    watch(one.control.get());
    return true;
}

void LeaderProcess::Loop::onLauncher() {
    while (auto answer = _launcher.receive()) {
        if (answer->value("op", "") != "refused") continue;
        auto at = _runs.find({answer->value("run", ""), answer->value("attempt", 0)});
        if (at == _runs.end() || at->second.state != State::asked) continue;
        Followed& one = at->second;
        one.control.reset();
        if (one.cancelled)
            finishWithout(one, RunStatus::cancelled, "");
        else if (!answer->value("retry", false))
            finishWithout(one, RunStatus::error, "the run could not be started: " + answer->value("why", ""));
        else {
            one.asks = 0;
            later(one, State::waiting, 50ms);
        }
    }
}

void LeaderProcess::Loop::onControl(Followed& one) {
    bool grew = false, over = false;
    Packet packet;
    while (true) {
        Received what = receivePacket(one.control.get(), packet);
        if (what == Received::nothing) break;
        if (what == Received::closed) {
            over = true;
            break;
        }
        const std::string event = packet.body.value("e", "");
        if (event == "hello") {
            one.state = State::following;
            brief(one);
        } else if (event == "failed") {
            one.leaderProblem = packet.body.value("why", "");
            over = true;
        } else if (event == "done" || event == "duplicate") {
            over = true;
        } else if (event == "grew") {
            grew = true;
        }
    }
    if (over) {
        one.control.reset();
        settle(one);
    } else if (grew) {
        readJournal(one);
    }
}

void LeaderProcess::Loop::tick() {
    Instant now = _clock.instant();
    _launcher.tick(now);
    noteProblem();
    std::vector<Name> due;
    for (auto& [name, one] : _runs)
        if (one.nextAt && *one.nextAt <= now) due.push_back(name);
    for (const Name& name : due) {
        auto at = _runs.find(name);
        if (at == _runs.end()) continue;
        at->second.nextAt.reset();
        if (at->second.state == State::waiting)
            ask(at->second);
        else
            settle(at->second);
    }
}

void LeaderProcess::Loop::noteProblem() {
    std::string problem = _launcher.isDown() ? _launcher.problem() : std::string();
    if (problem == _noted) return;
    _noted = problem;
    Lock lock(_mutex);
    _problem = std::move(problem);
}

int LeaderProcess::Loop::untilNext() const {
    std::optional<Instant> next = _launcher.nextTick();
    for (const auto& [name, one] : _runs)
        if (one.nextAt && (!next || *one.nextAt < *next)) next = one.nextAt;
    if (!next) return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - _clock.instant()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void LeaderProcess::Loop::later(Followed& one, State state, std::chrono::milliseconds delay) {
    one.state = state;
    one.control.reset();
    one.nextAt = _clock.instant() + delay;
}

} // namespace usher
