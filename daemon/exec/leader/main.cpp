// usher-leader: runs one attempt of one run and outlives whoever asked for it. Started by usher-launcher
// only; see LeaderOrder.h for what it is given.
#include "exec/Files.h"
#include "exec/LeaderOrder.h"
#include "exec/Wire.h"
#include "exec/leader/Leader.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <stdexcept>

using namespace usher;

namespace {

std::string readOrder() {
    UniqueFd fd(LeaderOrder::kOrderFd);
    std::string text;
    std::array<char, 16384> block;
    for (ssize_t n; (n = ::read(fd.get(), block.data(), block.size())) > 0;)
        text.append(block.data(), static_cast<std::size_t>(n));
    return text;
}

} // namespace

int main(int argc, char**) {
    // Nobody of the same user may look into it or trace it; and the tests' orphans come to us.
    if (argc < 4 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        std::fputs("usher-leader is started by usher-launcher\n", stderr);
        return 2;
    }
    for (int number : {SIGPIPE, SIGHUP, SIGINT, SIGXFSZ}) ::signal(number, SIG_IGN);
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    sigaddset(&waited, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &waited, nullptr);
    ::umask(077);
    UniqueFd folder(LeaderOrder::kFolderFd);
    UniqueFd control(::fcntl(LeaderOrder::kControlFd, F_GETFD) >= 0 ? LeaderOrder::kControlFd : -1);
    // The claim stays open for as long as this process lives, and belongs to no test.
    for (int fd :
         {LeaderOrder::kOrderFd, LeaderOrder::kFolderFd, LeaderOrder::kControlFd, LeaderOrder::kClaimFd})
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    // For the case that the leader itself cannot say any more what went wrong.
    UniqueFd spare(control ? ::fcntl(control.get(), F_DUPFD_CLOEXEC, 10) : -1);
    try {
        Leader leader(orderFromJson(readOrder()), std::move(folder), std::move(control));
        return leader.run();
    } catch (const std::exception& error) {
        if (spare) sendPacket(spare.get(), {{"e", "failed"}, {"why", error.what()}});
        return kLeaderUnclean;
    }
}
