// usher-leader: runs one attempt of one run and outlives whoever asked for it. Started by usher-launcher
// only, once, as the process that each leader is a copy of (ForkServer.h).
#include "exec/Files.h"
#include "exec/LeaderOrder.h"
#include "exec/Wire.h"
#include "exec/leader/ForkServer.h"
#include "exec/leader/Leader.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>

using namespace usher;

namespace {

ExecConfig readConfig() {
    UniqueFd fd(LeaderOrder::kConfigFd);
    std::string text;
    std::array<char, 16384> block;
    for (ssize_t n; (n = ::read(fd.get(), block.data(), block.size())) > 0;)
        text.append(block.data(), static_cast<std::size_t>(n));
    auto parsed = parseJson(text, {.maxBytes = 16u << 20});
    const Json* json = std::get_if<Json>(&parsed);
    if (!json) throw std::runtime_error("the launcher's configuration is not JSON");
    return execConfigFrom(*json);
}

int lead(Birth birth, const ExecConfig& config) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); // the tests' orphans come to us
    sigset_t waited;
    sigemptyset(&waited);
    sigaddset(&waited, SIGCHLD);
    sigaddset(&waited, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &waited, nullptr);
    // For the case that the leader itself cannot say any more what went wrong.
    UniqueFd spare(birth.control ? ::fcntl(birth.control.get(), F_DUPFD_CLOEXEC, 10) : -1);
    try {
        Leader leader(std::move(birth.order), config, std::move(birth.folder), std::move(birth.control));
        return leader.run(); // the claim on the uids stays open for as long as this process lives
    } catch (const std::exception& error) {
        if (spare) sendPacket(spare.get(), {{"e", "failed"}, {"why", error.what()}});
        return kLeaderUnclean;
    }
}

} // namespace

int main(int argc, char** argv) {
    // Nobody of the same user may look into it or trace it, nor into its children.
    if (argc != 2 || ::fcntl(LeaderOrder::kLauncherFd, F_GETFD) < 0 ||
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        std::fputs("usher-leader is started by usher-launcher\n", stderr);
        return 2;
    }
    for (int number : {SIGPIPE, SIGHUP, SIGINT, SIGXFSZ}) ::signal(number, SIG_IGN);
    ::umask(077);
    ::fcntl(LeaderOrder::kLauncherFd, F_SETFD, FD_CLOEXEC);
    try {
        const ExecConfig config = readConfig();
        ForkServer server(UniqueFd(LeaderOrder::kLauncherFd), config.runsDir, argv[1],
                          std::strlen(argv[1]) + 1);
        auto birth = server.serve();
        return birth ? lead(std::move(*birth), config) : 0;
    } catch (const std::exception&) {
        return 2;
    }
}
