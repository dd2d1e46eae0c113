// How a leader is born: with nothing of ours but what LeaderOrder.h says.
#include "exec/Files.h"
#include "exec/LeaderOrder.h"
#include "exec/launcher/Launcher.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace usher {

namespace {

/// Above the numbers that a leader is given its descriptors under, so that none overwrites another.
UniqueFd raised(int fd) {
    return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
}

/// A file in memory with this text, read from its start.
UniqueFd textFile(const std::string& text) {
    UniqueFd fd(::memfd_create("order", MFD_CLOEXEC));
    if (fd && (!writeAll(fd.get(), text) || ::lseek(fd.get(), 0, SEEK_SET) != 0)) fd.reset();
    return fd;
}

/// What posix_spawn does for leaders without a control group: it knows none.
[[noreturn]] void becomeLeader(const std::array<int, 5>& from, const char* program, char* const* arguments,
                               char* const* environment) {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    for (int fd = 0; fd < 3; ++fd) ::dup2(from[0], fd);
    for (int fd = LeaderOrder::kOrderFd; fd <= LeaderOrder::kClaimFd; ++fd) {
        const int given = from[static_cast<std::size_t>(fd - LeaderOrder::kOrderFd) + 1];
        given >= 0 ? ::dup2(given, fd) : ::close(fd);
    }
    ::syscall(SYS_close_range, LeaderOrder::kClaimFd + 1, ~0U, 0U);
    ::execve(program, arguments, environment);
    ::_exit(127);
}

std::string joined(const std::vector<uid_t>& uids) {
    std::string text;
    for (uid_t uid : uids) text += (text.empty() ? "" : ",") + std::to_string(uid);
    return text;
}

} // namespace

pid_t Launcher::spawn(const std::string& runId, int attempt, const TakenUids& users, const Cgroup& group,
                      int folder, int control) {
    UniqueFd order = textFile(
        toOrderJson({runId, attempt, _facts.config.sandbox, users.uids, group.path(), _facts.config}));
    UniqueFd from[] = {raised(order.get()), raised(folder), control >= 0 ? raised(control) : UniqueFd(),
                       users.claim ? raised(users.claim.get()) : UniqueFd()};
    if (!from[0] || !from[1]) return -1;
    std::string name = "usher-leader", number = std::to_string(attempt), uids = joined(users.uids),
                runs = _facts.config.runsDir;
    char* arguments[] = {
        name.data(), const_cast<char*>(runId.c_str()), number.data(), uids.data(), runs.data(), nullptr};
    char* environment[] = {nullptr};
    if (group) {
        const pid_t child = forkInto(group.child("leader"));
        if (child == 0)
            becomeLeader({_null.get(), from[0].get(), from[1].get(), from[2].get(), from[3].get()},
                         _facts.leaderPath.c_str(), arguments, environment);
        return child;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; ++fd) posix_spawn_file_actions_adddup2(&actions, _null.get(), fd);
    posix_spawn_file_actions_adddup2(&actions, from[0].get(), LeaderOrder::kOrderFd);
    posix_spawn_file_actions_adddup2(&actions, from[1].get(), LeaderOrder::kFolderFd);
    if (from[2]) posix_spawn_file_actions_adddup2(&actions, from[2].get(), LeaderOrder::kControlFd);
    if (from[3]) posix_spawn_file_actions_adddup2(&actions, from[3].get(), LeaderOrder::kClaimFd);
    if (!from[2]) posix_spawn_file_actions_addclose(&actions, LeaderOrder::kControlFd);
    posix_spawn_file_actions_addclosefrom_np(&actions,
                                             from[3] ? LeaderOrder::kClaimFd + 1 : LeaderOrder::kClaimFd);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

    pid_t pid = -1;
    int error = ::posix_spawn(&pid, _facts.leaderPath.c_str(), &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error ? -1 : pid;
}

} // namespace usher
