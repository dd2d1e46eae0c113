#include "exec/launcher/Launcher.h"

#include "base/Uuid.h"
#include "exec/Files.h"
#include "exec/LeaderOrder.h"
#include "exec/ProcessTable.h"
#include "exec/Remains.h"
#include "exec/RunSpec.h"
#include "exec/Sandbox.h"
#include "exec/Wire.h"
#include "exec/launcher/UidClaims.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>

namespace usher {

namespace {

constexpr int kRemovals = 1000; ///< tries to remove a group; then it waits for the next launcher

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

UniqueFd handleOf(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

} // namespace

Launcher::Launcher(LauncherFacts facts, UniqueFd connection, UniqueFd listener)
    : _facts(std::move(facts)), _listener(std::move(listener)), _source(_facts.leaderPath, _facts.config),
      _helpers(_facts.leaderPath.substr(0, _facts.leaderPath.rfind('/') + 1) + "usher-plugin",
               _facts.pluginUid, _facts.pluginGid) {
    _epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    _runs.reset(::open(_facts.config.runsDir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!_runs && _facts.problem.empty())
        _facts.problem = "cannot open " + _facts.config.runsDir + ": " + std::strerror(errno);
    if (::access(_facts.leaderPath.c_str(), X_OK) != 0 && _facts.problem.empty())
        _facts.problem = "cannot execute " + _facts.leaderPath + " (as user " + std::to_string(::geteuid()) +
                         "): " + std::strerror(errno);
    if (_facts.problem.empty() && _facts.config.sandbox == "strict") {
        const uid_t uid = _facts.config.firstUid;
        if (std::string why = whyNotStrict({uid, static_cast<gid_t>(uid)}); !why.empty())
            _facts.problem = "this machine cannot give sandbox strict: " + why +
                             "; as a service it takes the drop-in usher-launcher-strict.conf "
                             "(usherd.conf(5)), or say [exec] sandbox = basic";
    }
    adopt();
    if (_facts.problem.empty()) _source.prepare();
    if (_listener) watch(_epoll.get(), _listener.get());
    if (connection) {
        greet(connection.get());
        watch(_epoll.get(), connection.get());
        _connections.push_back(std::move(connection));
    }
}

/// Leaders of an earlier launcher go on, and keep their uids. What runs under a test's uid without a leader
/// is the rest of one that was killed.
void Launcher::adopt() {
    const ExecConfig& config = _facts.config;
    const bool ownUids = _facts.privileged && config.sandbox != "none";
    // Before the leaders: one that our predecessor starts just now must not look like a test without a
    // leader.
    const std::vector<Cgroup> groups = _facts.cgroups.runs();
    std::set<uid_t> used;
    if (ownUids) used = uidsInUse(config.firstUid, config.lastUid);
    std::vector<uid_t> held;
    const std::vector<FoundLeader> leaders = findLeaders(::geteuid(), config.runsDir);
    for (const FoundLeader& found : leaders) {
        Leader leader{found.runId, found.attempt, found.uids, UniqueFd(), handleOf(found.pid), false};
        if (!leader.handle) continue;
        held.insert(held.end(), found.uids.begin(), found.uids.end());
        watch(_epoll.get(), leader.handle.get());
        _leaders.emplace(found.pid, std::move(leader));
    }
    for (const Cgroup& group : groups) {
        const bool led = std::any_of(leaders.begin(), leaders.end(), [&](const FoundLeader& one) {
            return _facts.cgroups.runOf(one.runId, one.attempt).path() == group.path();
        });
        if (led)
            _facts.cgroups.adopt(group, cgroupLimits(config));
        else
            removeGroup(group);
    }
    if (!ownUids) {
        for (pid_t pid : findOrphans(config.runsDir, leaders)) ::kill(pid, SIGKILL);
        return;
    }
    for (uid_t uid : used) {
        if (std::find(held.begin(), held.end(), uid) != held.end()) continue;
        const UniqueFd claim = openUidClaims();
        if (claimUids(claim, {uid})) killUser(uid); // or it is a test of another daemon
    }
    _uids = std::make_unique<UidPool>(config.firstUid, config.lastUid, held);
}

void Launcher::greet(int connection) {
    sendPacket(connection, {{"op", "hello"},
                            {"profile", _facts.config.sandbox},
                            {"sandbox", describeSandbox(_facts.config, _uids != nullptr, false,
                                                        static_cast<bool>(_facts.cgroups))},
                            {"runsDir", _facts.config.runsDir},
                            {"problem", _facts.problem}});
}

int Launcher::serve() {
    while (_listener || !_connections.empty()) {
        int wait = _orphansExpected || !_cleaners.empty() || !_emptying.empty() ? 10 : -1;
        std::array<epoll_event, 32> events;
        int count = ::epoll_wait(_epoll.get(), events.data(), static_cast<int>(events.size()), wait);
        for (int i = 0; i < count; ++i) {
            int fd = events[static_cast<std::size_t>(i)].data.fd;
            auto leader = std::find_if(_leaders.begin(), _leaders.end(),
                                       [&](const auto& one) { return one.second.handle.get() == fd; });
            if (fd == _listener.get())
                accept();
            else if (leader != _leaders.end())
                onLeaderEnd(leader->first);
            else if (!_helpers.reap(fd) && !receive(fd)) {
                _helpers.connectionClosed(fd);
                std::erase_if(_connections, [&](const UniqueFd& one) { return one.get() == fd; });
            }
        }
        reapCleaners();
        if (_orphansExpected) sweepOrphans();
        removeEmptied();
    }
    return 0;
}

void Launcher::accept() {
    UniqueFd fd(::accept4(_listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd || _connections.size() >= 16) return;
    long peer = peerUid(fd.get());
    if (peer != 0 && peer != static_cast<long>(::geteuid())) return;
    greet(fd.get());
    watch(_epoll.get(), fd.get());
    _connections.push_back(std::move(fd));
}

bool Launcher::receive(int connection) {
    Packet packet;
    for (int turn = 0; turn < 64; ++turn) {
        Received what = receivePacket(connection, packet);
        if (what == Received::nothing) return true;
        if (what == Received::closed) return false;
        const std::string op = packet.body.value("op", "");
        if (op == "connect" && packet.descriptors.size() == 1 && _connections.size() < 16) {
            greet(packet.descriptors[0].get());
            watch(_epoll.get(), packet.descriptors[0].get());
            _connections.push_back(std::move(packet.descriptors[0]));
        }
        if (op == "plugin") {
            int handle = -1;
            sendPacket(connection, _helpers.start(packet.body, packet.descriptors, connection, handle));
            if (handle >= 0) watch(_epoll.get(), handle);
        }
        if (op == "plugin-end") _helpers.end(packet.body);
        if (op != "start") continue;
        int control = packet.descriptors.empty() ? -1 : packet.descriptors[0].get();
        if (auto refusal = start(packet.body, control)) sendPacket(connection, *refusal);
    }
    return true;
}

std::optional<Json> Launcher::start(const Json& request, int control) {
    std::string run = request.value("run", ""), profile = request.value("profile", "");
    int attempt = request.value("attempt", 0);
    auto refused = [&](const std::string& why, bool retry = false) {
        return Json{{"op", "refused"}, {"run", run}, {"attempt", attempt}, {"why", why}, {"retry", retry}};
    };
    if (!_facts.problem.empty()) return refused(_facts.problem);
    auto uuid = parseUuid(run);
    if (!uuid || *uuid != run || attempt < 1 || attempt > 1'000'000) return refused("not the name of a run");
    if (profile != _facts.config.sandbox)
        return refused("the configured sandbox is '" + _facts.config.sandbox + "', not '" + profile + "'");
    UniqueFd folder = openBeneath(_runs.get(), run, O_RDONLY | O_DIRECTORY);
    struct stat st {};
    if (!folder || ::fstat(folder.get(), &st) != 0 || st.st_uid != ::geteuid())
        return refused("no folder of ours for this run");
    TakenUids users;
    if (_uids) {
        // One for each test that runs at the same time. Fewer when there are no more: the run takes longer.
        const auto wanted = std::clamp<std::int64_t>(request.value("parallelism", std::int64_t{1}), 1,
                                                     std::int64_t{kMostUsers});
        for (auto count = static_cast<std::size_t>(wanted); users.uids.empty() && count > 0; count /= 2)
            users = _uids->take(count);
        if (users.uids.empty()) return refused("every uid of [exec] uid_range is in use", true);
    }
    const Cgroup group = _facts.cgroups.makeRun(run, attempt);
    pid_t pid =
        _source.start({run, attempt, users.uids, group.path()}, folder.get(), control, users.claim.get());
    if (pid < 0) {
        const int error = errno;
        removeGroup(group);
        if (_uids) _uids->giveBack(users.uids);
        if (error == EPIPE) {
            // Perhaps there is a leader that nobody knows. Who asked sees the connection end, as when a
            // leader dies at birth, and asks again, but not for ever.
            _orphansExpected = true;
            return std::nullopt;
        }
        return refused(std::string("cannot start ") + _facts.leaderPath + ": " + std::strerror(error),
                       error == EAGAIN || error == ENOMEM);
    }
    Leader leader{run, attempt, users.uids, std::move(users.claim), handleOf(pid), true};
    watch(_epoll.get(), leader.handle.get());
    _leaders.emplace(pid, std::move(leader));
    return std::nullopt;
}

void Launcher::onLeaderEnd(pid_t pid) {
    auto at = _leaders.find(pid);
    Leader leader = std::move(at->second);
    _leaders.erase(at);
    int status = 0;
    bool clean = false;
    if (leader.ours && ::waitpid(pid, &status, 0) == pid)
        clean = WIFEXITED(status) &&
                (WEXITSTATUS(status) == kLeaderClean || WEXITSTATUS(status) == kLeaderDuplicate);
    removeGroup(_facts.cgroups.runOf(leader.runId, leader.attempt));
    if (clean) {
        if (_uids) _uids->giveBack(leader.uids);
    } else {
        _orphansExpected = true;
        cleanUpBehind(std::move(leader));
    }
}

void Launcher::removeGroup(const Cgroup& group) {
    if (!group || group.remove()) return;
    group.kill();
    _emptying.emplace_back(group, 0);
}

void Launcher::removeEmptied() {
    std::erase_if(_emptying, [](auto& one) { return one.first.remove() || ++one.second > kRemovals; });
}

void Launcher::cleanUpBehind(Leader leader) {
    if (!leader.claim) leader.claim = openUidClaims();
    const bool exclusive = claimUids(leader.claim, leader.uids);
    pid_t child = ::fork();
    if (child == 0) {
        if (!exclusive) leader.uids.clear(); // another launcher has given them out again
        for (uid_t uid : leader.uids) killUser(uid);
        std::string path = leader.runId + "/" + attemptFolder(leader.attempt);
        if (UniqueFd attempt = openBeneath(_runs.get(), path, O_RDONLY | O_DIRECTORY)) {
            UniqueFd box = openBeneath(attempt.get(), "box", O_RDONLY | O_DIRECTORY);
            for (uid_t uid : leader.uids)
                if (box) emptyAsUser(box.get(), {uid, static_cast<gid_t>(leader.uids[0])});
            removeTree(attempt.get(), "box");
        }
        if (!leader.uids.empty()) {
            UniqueFd kept = openBeneath(_runs.get(), userFolder(leader.uids[0]), O_RDONLY | O_DIRECTORY);
            for (uid_t uid : leader.uids)
                if (kept) emptyAsUser(kept.get(), {uid, static_cast<gid_t>(leader.uids[0])});
        }
        ::_exit(0);
    }
    if (child > 0)
        _cleaners.emplace(child, std::move(leader));
    else if (_uids)
        _uids->giveBack(leader.uids); // /proc is looked at before they are used again
}

void Launcher::reapCleaners() {
    for (auto at = _cleaners.begin(); at != _cleaners.end();) {
        int status;
        if (::waitpid(at->first, &status, WNOHANG) == 0) {
            ++at;
            continue;
        }
        if (_uids) _uids->giveBack(at->second.uids);
        at = _cleaners.erase(at);
    }
}

/// A killed leader's processes become our children, because we are a child subreaper: nobody else cares for
/// them.
void Launcher::sweepOrphans() {
    _orphansExpected = false;
    for (pid_t child : childrenOf(::getpid())) {
        if (_leaders.count(child) || _cleaners.count(child) || _helpers.owns(child) || _source.owns(child))
            continue;
        ::kill(child, SIGKILL);
        int status;
        ::waitpid(child, &status, WNOHANG);
        _orphansExpected = true; // its children come next
    }
}

} // namespace usher
