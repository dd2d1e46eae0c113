#include "plugin/isolated/SpawnedHelpers.h"

#include "base/UniqueFd.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

namespace usher {

pid_t SpawnedHelpers::start(const HelperOrder& order, int socket, int file) {
    // Above 4, so that neither overwrites the other.
    UniqueFd raised[] = {UniqueFd(::fcntl(socket, F_DUPFD_CLOEXEC, 10)),
                         UniqueFd(::fcntl(file, F_DUPFD_CLOEXEC, 10))};
    if (!raised[0] || !raised[1]) throw std::runtime_error("no descriptors are left");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    posix_spawn_file_actions_adddup2(&actions, raised[0].get(), 3);
    posix_spawn_file_actions_adddup2(&actions, raised[1].get(), 4);
    posix_spawn_file_actions_addclosefrom_np(&actions, 5);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    std::string words[] = {"usher-plugin", order.plugin, order.network ? "network" : "no-network"};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    char* environment[] = {nullptr};
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, _program.c_str(), &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error) throw std::runtime_error("cannot start " + _program + ": " + std::strerror(error));
    return pid;
}

void SpawnedHelpers::end(pid_t pid) {
    int status;
    if (::waitpid(pid, &status, WNOHANG) == 0) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, &status, 0);
    }
}

} // namespace usher
