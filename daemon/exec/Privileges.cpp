#include "exec/Privileges.h"

#include "exec/Credentials.h"
#include "exec/LauncherLink.h"
#include "exec/LeaderProcess.h"

#include <dirent.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace usher {

namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw std::runtime_error("cannot drop privileges: " + what + ": " + std::strerror(errno));
}

int threads() {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc/self/task"), ::closedir);
    int count = 0;
    while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) count += entry->d_name[0] != '.';
    return count;
}

} // namespace

UniqueFd startLauncher(const ExecSettings& settings) {
    pid_t pid;
    return spawnLauncher(settings, pid);
}

void dropPrivileges(const std::string& stateDir) {
    if (threads() != 1)
        throw std::runtime_error(
            "cannot drop privileges: there are threads already, each with its own capabilities");
    bool hadCapabilities = permittedCapabilities() != 0;
    // While setpcap is still there: what is not in the bounding set can never come back.
    if (hadCapabilities && !limitBoundingSet(0)) refuse("bounding set");
    if (::geteuid() == 0) {
        struct stat st {};
        if (::stat(stateDir.c_str(), &st) != 0) refuse("cannot look at " + stateDir);
        if (st.st_uid != 0 &&
            (::setgroups(1, &st.st_gid) != 0 || ::setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
             ::setresuid(st.st_uid, st.st_uid, st.st_uid) != 0))
            refuse("cannot become user " + std::to_string(st.st_uid));
    }
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    // A service that has none may not even be allowed the call.
    if (hadCapabilities && !setCapabilities(0)) refuse("capabilities");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) refuse("no_new_privs");
    if (permittedCapabilities() != 0) refuse("capabilities remain");
}

} // namespace usher
