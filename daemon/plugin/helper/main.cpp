// usher-plugin: the process in which an isolated plugin lives. Started by usher-launcher (or by usherd
// itself) with the socket to the daemon as descriptor 3 and the opened plugin as 4; everything else comes
// over the socket.   usher-plugin NAME network|no-network [UID GID]
#include "base/Text.h"
#include "plugin/helper/Confine.h"
#include "plugin/helper/Helper.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

using namespace usher;

int main(int argc, char** argv) {
    const std::string_view network = argc >= 3 ? argv[2] : "";
    if ((argc != 3 && argc != 5) || (network != "network" && network != "no-network")) {
        std::cerr << "usher-plugin is started by usher-launcher, not by people.\n";
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);
    for (int fd : {3, 4})
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return 2;
    if (argc == 5) {
        const auto uid = parseInteger(argv[3]), gid = parseInteger(argv[4]);
        if (!uid || !gid || *uid <= 0 || *gid <= 0 ||
            !becomeUserForGood(static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)))
            return 70;
    }
    if (!confine(network == "network")) return 70;
    Helper(UniqueFd(3), UniqueFd(4)).serve();
}
