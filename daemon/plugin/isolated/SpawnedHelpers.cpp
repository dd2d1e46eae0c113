#include "plugin/isolated/SpawnedHelpers.h"

#include "base/CleanProcess.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

namespace usher {

pid_t SpawnedHelpers::start(const HelperOrder& order, int socket, int file) {
    const CleanProcess helper{
        _program, {"usher-plugin", order.plugin, order.network ? "network" : "no-network"}, {socket, file}};
    const pid_t pid = helper.start();
    if (pid < 0) throw std::runtime_error("cannot start " + _program + ": " + std::strerror(errno));
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
