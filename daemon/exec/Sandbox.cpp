#include "exec/Sandbox.h"

#include "base/UniqueFd.h"
#include "exec/SandboxMounts.h"
#include "exec/SyscallFilter.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

namespace usher {

namespace {

bool writeText(const char* path, const std::string& text) {
    UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// A network namespace begins with a loopback that is down.
bool raiseLoopback() {
    UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return socket && ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

} // namespace

const char* enterNamespaces(const TestUser& user, const SandboxPlan& plan) {
    // Our files in /proc belong to root as long as we are not dumpable; nobody else runs as this user yet.
    if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return "cannot become dumpable";
    const int network = plan.network ? 0 : CLONE_NEWNET;
    if (::unshare(CLONE_NEWUSER) != 0) return "cannot make a user namespace";
    const std::string self = std::to_string(user.uid) + " " + std::to_string(user.uid) + " 1\n";
    if (!writeText("/proc/self/setgroups", "deny") || !writeText("/proc/self/uid_map", self) ||
        !writeText("/proc/self/gid_map", self))
        return "cannot map the user into its namespace";
    if (::unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID | network) != 0)
        return "cannot make mount, pid, ipc, uts and network namespaces";
    if (::sethostname("localhost", 9) != 0) return "cannot set the host name";
    if (!plan.network && !raiseLoopback()) return "cannot raise the loopback interface";
    return closeMounts(plan);
}

const char* becomeFirstProcess() {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "cannot tie itself to its parent";
    if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
        return "cannot mount /proc for the pid namespace";
    if (!setCapabilities(0)) return "cannot drop capabilities";
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return "cannot become undumpable";
    return nullptr;
}

std::string whyNotStrict(const TestUser& user) {
    try {
        const SyscallFilter filter;
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return std::strerror(errno);
        UniqueFd readEnd(ends[0]), writeEnd(ends[1]);
        const pid_t child = ::fork();
        if (child < 0) return std::string("cannot fork: ") + std::strerror(errno);
        if (child == 0) {
            ::alarm(10);
            auto say = [&](const char* step) {
                if (!step) return;
                std::string text = std::string(step) + ": " + std::strerror(errno);
                [[maybe_unused]] ssize_t n = ::write(ends[1], text.data(), text.size());
                ::_exit(1);
            };
            if (!becomeUser(user)) say("cannot become the test's user");
            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) say("cannot set no_new_privs");
            say(enterNamespaces(user, {}));
            const pid_t first = ::fork();
            if (first < 0) say("cannot start a process in a pid namespace");
            if (first == 0) {
                say(becomeFirstProcess());
                if (!filter.apply()) say("cannot apply a seccomp filter");
                ::_exit(0);
            }
            int status = 1;
            ::waitpid(first, &status, 0);
            ::_exit(status == 0 ? 0 : 1);
        }
        writeEnd.reset();
        std::array<char, 512> text;
        ssize_t n;
        do n = ::read(readEnd.get(), text.data(), text.size());
        while (n < 0 && errno == EINTR);
        int status = 1;
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        if (n > 0) return std::string(text.data(), static_cast<std::size_t>(n));
        return status == 0 ? "" : "the trial of it did not end well";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

} // namespace usher
