// usher-launcher: the only part of Usher that holds privileges. Two processes: this one reads the
// configuration and starts the worker again when it dies; the worker (Launcher.h) is the daemon's user with
// setuid, setgid and kill.
#include "base/IniFile.h"
#include "base/ServiceManager.h"
#include "base/Text.h"
#include "exec/Credentials.h"
#include "exec/RunFolder.h"
#include "exec/Wire.h"
#include "exec/launcher/EndRuns.h"
#include "exec/launcher/Launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <set>
#include <thread>

using namespace usher;

namespace {

struct Arguments {
    std::string config, leader, runsDir, socket;
    int connection = -1;
};

constexpr const char* kUsage =
    "usher-launcher --leader PATH (--fd N | --socket PATH) [--config FILE] [--runs-dir DIR]\n"
    "usher-launcher --release-cgroups\n"
    "usher-launcher --end-runs [--config FILE]\n"
    "Starts usher-leader for usherd. Configured by section [exec] of usherd.conf. --release-cgroups is for "
    "its\n"
    "unit when it has ended: it can be started again while runs go on. --end-runs is for a removal.\n";

constexpr auto kEndPatience = std::chrono::seconds(15);
constexpr const char* kCgroups = "/sys/fs/cgroup";

/// /etc/passwd by hand: this program may be linked statically, and asks no name service.
void findPluginUser(LauncherFacts& facts) {
    if (!facts.privileged) return;
    for (const std::string& line : split(readFile("/etc/passwd", 1 << 20).value_or(""), '\n')) {
        const std::vector<std::string> part = split(line, ':');
        if (part.size() < 4 || part[0] != "usher-plugin") continue;
        facts.pluginUid = static_cast<uid_t>(parseInteger(part[2]).value_or(0));
        facts.pluginGid = static_cast<gid_t>(parseInteger(part[3]).value_or(0));
    }
}

/// Tests end whatever runs under their user's id: nobody may have one of theirs. Of accounts that a directory
/// keeps nobody tells us here.
std::string whoHasTestUids(const ExecConfig& config) {
    for (const std::string& line : split(readFile("/etc/passwd", 1 << 20).value_or(""), '\n')) {
        const std::vector<std::string> part = split(line, ':');
        const auto uid = part.size() < 3 ? std::nullopt : parseInteger(part[2]);
        if (uid && *uid >= config.firstUid && *uid <= config.lastUid)
            return "user " + oneLine(part[0], 32) + " has uid " + part[2] +
                   ", which lies inside [exec] uid_range: choose a range that nobody else uses";
    }
    return {};
}

std::string ownCgroups() {
    return readFile("/proc/self/cgroup", 1 << 16).value_or("");
}

bool parse(int argc, char** argv, Arguments& arguments) {
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view name = argv[i], value = argv[i + 1];
        if (name == "--config")
            arguments.config = value;
        else if (name == "--leader")
            arguments.leader = value;
        else if (name == "--runs-dir")
            arguments.runsDir = value;
        else if (name == "--socket")
            arguments.socket = value;
        else if (name == "--fd")
            arguments.connection = static_cast<int>(parseInteger(value).value_or(-1));
        else
            return false;
    }
    return argc % 2 == 1 && !arguments.leader.empty() &&
           (arguments.connection >= 0) == arguments.socket.empty();
}

/// Only root may have written what decides about uids and commands.
std::string whyNotTrusted(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) return {};
    if (st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH))) return {};
    return path + " must belong to root and be writable by nobody else: chown root " + path +
           "; chmod go-w " + path;
}

void readConfig(const Arguments& arguments, LauncherFacts& facts) {
    IniFile file;
    std::vector<std::string> problems;
    if (!arguments.config.empty()) {
        file.readWithDropIns(arguments.config);
        if (facts.privileged) {
            std::set<std::string> deciding{
                arguments.config, std::filesystem::path(arguments.config).replace_filename("conf.d")};
            for (const IniEntry& entry : file.entries()) deciding.insert(entry.file);
            for (const std::string& path : deciding)
                if (std::string why = whyNotTrusted(path); !why.empty()) problems.push_back(why);
        }
        for (const IniProblem& problem : file.problems()) problems.push_back(problem.text());
    }
    facts.config = execConfigFrom(file, problems);
    if (!arguments.runsDir.empty()) facts.config.runsDir = arguments.runsDir;
    facts.leaderPath = arguments.leader;
    if (facts.config.sandbox != "none" && !facts.privileged)
        problems.push_back("sandbox " + facts.config.sandbox +
                           " gives each test a uid of its own, and for that usher-launcher must be "
                           "started as root; [exec] sandbox = none runs tests as the daemon's own user");
    for (const std::string& problem : problems)
        facts.problem += (facts.problem.empty() ? "" : "\n") + problem;
}

/// The worker's user is the owner of the runs folder; of all privileges it keeps three.
bool becomeWorker(uid_t uid, gid_t gid) {
    ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    return ::setgroups(1, &gid) == 0 && ::setresgid(gid, gid, gid) == 0 && ::setresuid(uid, uid, uid) == 0 &&
           setCapabilities(kLauncherCapabilities) && (uid == 0 || raiseAmbient(kLauncherCapabilities));
}

int work(const LauncherFacts& facts, uid_t uid, gid_t gid, int connection, int listener) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    const pid_t parent = ::getppid();
    if (facts.privileged && !becomeWorker(uid, gid)) {
        std::cerr << "usher-launcher: cannot become user " << uid << ": " << std::strerror(errno) << "\n";
        return 70;
    }
    // Whoever kills the parent must find the socket free for its successor. After the change of user, which
    // forgets it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != parent) return 70;
    // Orphans of a leader that was killed become the worker's children; nobody of the same user may trace it.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return Launcher(facts, UniqueFd(connection), UniqueFd(listener)).serve();
}

} // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--release-cgroups")
        return CgroupTree::release(kCgroups, ownCgroups()) ? 0 : 1;
    if (argc >= 2 && std::string_view(argv[1]) == "--end-runs") {
        IniFile file;
        std::vector<std::string> ignored;
        if (argc == 4 && std::string_view(argv[2]) == "--config") file.readWithDropIns(argv[3]);
        return endRuns(execConfigFrom(file, ignored).runsDir, kEndPatience) ? 0 : 1;
    }
    Arguments arguments;
    if (!parse(argc, argv, arguments)) {
        std::cerr << kUsage;
        return 2;
    }
    ::umask(077);
    ::signal(SIGPIPE, SIG_IGN);
    LauncherFacts facts;
    // As root, or as the daemon's user with just these (AmbientCapabilities= of the unit).
    facts.privileged = (permittedCapabilities() & kLauncherCapabilities) == kLauncherCapabilities;
    ServiceManager manager;
    readConfig(arguments, facts);
    findPluginUser(facts);
    struct stat runs {};
    try {
        makeRunsDir(facts.config.runsDir);
    } catch (const std::exception& error) {
        if (facts.problem.empty()) facts.problem = error.what();
    }
    ::stat(facts.config.runsDir.c_str(), &runs);
    if (facts.problem.empty() && runs.st_uid >= facts.config.firstUid && runs.st_uid <= facts.config.lastUid)
        facts.problem = "the owner of " + facts.config.runsDir + " lies inside [exec] uid_range";
    if (facts.problem.empty() && facts.privileged && facts.config.sandbox != "none")
        facts.problem = whoHasTestUids(facts.config);
    // Only as a service of its own: whose restart a unit without --release-cgroups would spoil.
    if (facts.problem.empty() && !arguments.socket.empty()) {
        facts.cgroups = CgroupTree::take(kCgroups, ownCgroups(), runs.st_uid);
        if (!facts.cgroups)
            std::cerr << "usher-launcher: no cgroup: " << facts.cgroups.problem() << std::endl;
    }
    if (!facts.problem.empty()) std::cerr << "usher-launcher: " << facts.problem << std::endl;

    UniqueFd listener;
    if (!arguments.socket.empty()) {
        listener = listenPackets(arguments.socket, 0600);
        if (!listener ||
            (::geteuid() == 0 && ::chown(arguments.socket.c_str(), runs.st_uid, runs.st_gid) != 0)) {
            std::cerr << "usher-launcher: cannot listen on " << arguments.socket << ": "
                      << std::strerror(errno) << "\n";
            return 1;
        }
    } else {
        ::fcntl(arguments.connection, F_SETFD, FD_CLOEXEC);
    }
    if (facts.privileged &&
        (!limitBoundingSet(kLauncherCapabilities) || !setCapabilities(kLauncherCapabilities))) {
        std::cerr << "usher-launcher: cannot drop capabilities: " << std::strerror(errno) << "\n";
        return 70;
    }
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    sigset_t waited;
    sigemptyset(&waited);
    for (int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&waited, number);
    ::sigprocmask(SIG_BLOCK, &waited, nullptr);
    manager.ready();
    for (int failures = 0;;) {
        auto began = std::chrono::steady_clock::now();
        pid_t worker = ::fork();
        if (worker == 0)
            return work(facts, runs.st_uid, runs.st_gid, arguments.connection, listener.release());
        for (bool running = worker > 0; running;) {
            siginfo_t info{};
            int number = ::sigwaitinfo(&waited, &info);
            if (number == SIGTERM || number == SIGINT) {
                ::kill(worker, SIGKILL); // leaders are none of its business: they go on
                ::waitpid(worker, nullptr, 0);
                // A program that it was starting may still hold our socket, and the next launcher would take
                // that for one that lives.
                if (listener) ::shutdown(listener.get(), SHUT_RDWR);
                return 0;
            }
            int status;
            // Adopted processes may end here too when the worker died; only the worker's end matters.
            for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
                if (pid == worker) {
                    running = false;
                    if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 70))
                        return WEXITSTATUS(status);
                }
        }
        bool lasted = std::chrono::steady_clock::now() - began > std::chrono::seconds(10);
        failures = lasted ? 0 : std::min(failures + 1, 7);
        std::this_thread::sleep_for(std::chrono::milliseconds(50 << failures));
    }
}
