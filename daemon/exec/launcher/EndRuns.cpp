#include "exec/launcher/EndRuns.h"

#include "exec/ProcessTable.h"
#include "exec/Remains.h"

#include <sys/stat.h>

#include <csignal>
#include <thread>

namespace usher {

namespace {

/// Until `over` or this long; false then.
template <class Over>
bool wait(std::chrono::milliseconds atMost, Over over) {
    constexpr auto kPause = std::chrono::milliseconds(50);
    for (auto waited = kPause * 0; waited < atMost; waited += kPause) {
        if (over()) return true;
        std::this_thread::sleep_for(kPause);
    }
    return over();
}

} // namespace

bool endRuns(const std::string& runsDir, std::chrono::seconds patience) {
    struct stat owner {};
    if (::stat(runsDir.c_str(), &owner) != 0) return true;
    auto leaders = [&] { return findLeaders(owner.st_uid, runsDir); };
    for (const FoundLeader& leader : leaders()) ::kill(leader.pid, SIGTERM);
    if (wait(patience, [&] { return leaders().empty(); })) return true;
    return wait(std::chrono::seconds(5), [&] {
        for (const FoundLeader& leader : leaders()) {
            // Its tests first: afterwards nobody knows their users.
            for (pid_t pid : descendantsOf(leader.pid)) ::kill(pid, SIGKILL);
            for (uid_t uid : leader.uids) killUser(uid);
            ::kill(leader.pid, SIGKILL);
        }
        return leaders().empty();
    });
}

} // namespace usher
