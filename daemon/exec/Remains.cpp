#include "exec/Remains.h"

#include "exec/Files.h"
#include "exec/ProcessTable.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

namespace usher {

namespace {

void waitFor(pid_t child) {
    int status;
    if (child > 0)
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
}

} // namespace

void killUser(uid_t uid) {
    pid_t child = ::fork();
    if (child == 0) {
        // Without capabilities and with no other user id left, kill(-1) reaches that user's processes only.
        if (uid != 0 && becomeUser({uid, static_cast<gid_t>(uid)}) && ::getuid() == uid) ::kill(-1, SIGKILL);
        ::_exit(0);
    }
    waitFor(child);
}

void killDescendants(pid_t root) {
    std::size_t stopped = 0;
    for (int round = 0; round < 20; ++round) {
        auto remains = descendantsOf(root);
        for (pid_t pid : remains) ::kill(pid, SIGSTOP);
        if (remains.size() == stopped) break;
        stopped = remains.size();
    }
    for (pid_t pid : descendantsOf(root)) ::kill(pid, SIGKILL);
}

void emptyAsUser(int box, const TestUser& user) {
    pid_t child = ::fork();
    if (child == 0) {
        ::umask(077);
        ::alarm(30);
        if (!becomeUser(user)) ::_exit(1);
        for (const std::string& name : namesIn(box)) {
            UniqueFd inside = openBeneath(box, name, O_RDONLY | O_DIRECTORY);
            if (!inside) continue;
            for (const std::string& left : namesIn(inside.get())) removeTree(inside.get(), left, 20);
        }
        ::_exit(0);
    }
    waitFor(child);
}

std::vector<std::string> namesIn(int folder) {
    std::vector<std::string> names;
    UniqueFd fd(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::unique_ptr<DIR, int (*)(DIR*)> dir(fd ? ::fdopendir(fd.get()) : nullptr, ::closedir);
    if (dir) fd.release();
    while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
        std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    return names;
}

} // namespace usher
