#include "base/CleanProcess.h"

#include "base/UniqueFd.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace usher {

namespace {

constexpr int kFirst = 3;

std::vector<char*> pointersTo(const std::vector<std::string>& arguments) {
    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    return words;
}

} // namespace

pid_t CleanProcess::start() const {
    const int beyond = kFirst + static_cast<int>(descriptors.size());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    if (!sharesStandardError) posix_spawn_file_actions_adddup2(&actions, 0, 2);
    // Copies above all the numbers that are given out, so that none overwrites another.
    std::vector<UniqueFd> copies;
    int error = 0, number = kFirst;
    for (int descriptor : descriptors) {
        if (descriptor < 0) {
            posix_spawn_file_actions_addclose(&actions, number++);
            continue;
        }
        copies.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, beyond));
        if (!copies.back()) error = errno;
        posix_spawn_file_actions_adddup2(&actions, copies.back().get(), number++);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, beyond);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

    std::vector<char*> words = pointersTo(arguments);
    char* environment[] = {nullptr};
    pid_t pid = -1;
    if (!error)
        error = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, words.data(), environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error ? -1 : pid;
}

void CleanProcess::become() const {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    const int beyond = kFirst + static_cast<int>(descriptors.size());
    std::vector<int> copies = {::open("/dev/null", O_RDWR | O_CLOEXEC)};
    for (int descriptor : descriptors)
        copies.push_back(descriptor < 0 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, beyond));
    bool complete = ::dup2(copies[0], 0) == 0 && ::dup2(copies[0], 1) == 1;
    if (!sharesStandardError) complete = ::dup2(copies[0], 2) == 2 && complete;
    for (int number = kFirst; number < beyond; ++number) {
        const int copy = copies[static_cast<std::size_t>(number - kFirst) + 1];
        if (copy >= 0)
            complete = ::dup2(copy, number) == number && complete;
        else if (descriptors[static_cast<std::size_t>(number - kFirst)] < 0)
            ::close(number);
        else
            complete = false;
    }
    std::vector<char*> words = pointersTo(arguments);
    char* environment[] = {nullptr};
    if (complete && ::syscall(SYS_close_range, static_cast<unsigned>(beyond), ~0U, 0U) == 0)
        ::execve(program.c_str(), words.data(), environment);
    ::_exit(127);
}

} // namespace usher
