#include "Process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace usher::check {

namespace {

std::set<int> numbersIn(const std::string& folder) {
    std::set<int> numbers;
    DIR* open = ::opendir(folder.c_str());
    if (!open) return numbers;
    const int own = folder == "/proc/self/fd" ? ::dirfd(open) : -1;
    while (const dirent* entry = ::readdir(open))
        if (entry->d_name[0] != '.')
            if (int number = std::atoi(entry->d_name); number != own) numbers.insert(number);
    ::closedir(open);
    return numbers;
}

std::string line(const std::string& file, const std::string& key) {
    std::ifstream status(file);
    for (std::string text; std::getline(status, text);)
        if (text.starts_with(key)) return text.substr(key.size() + 1);
    return {};
}

} // namespace

ProcessState ProcessState::now() {
    ProcessState state;
    state.threads = numbersIn("/proc/self/task");
    for (int fd : numbersIn("/proc/self/fd")) {
        char target[256] = {};
        if (::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target - 1) < 0)
            continue;
        state.descriptors[fd] = target;
        const int flags = ::fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC)) state.inheritable.insert(fd);
    }
    // 32 and 33 are the C library's own: it takes them when the first thread is made.
    for (const char* key : {"SigBlk:", "SigIgn:", "SigCgt:"})
        state.signals += std::to_string(std::strtoull(line("/proc/self/status", key).c_str(), nullptr, 16) &
                                        ~(3ull << 31)) +
                         " ";
    char folder[4096] = {};
    if (::getcwd(folder, sizeof folder)) state.folder = folder;
    const mode_t mask = ::umask(077);
    ::umask(mask);
    state.folder += " umask " + std::to_string(mask);
    for (int thread : state.threads) {
        std::ifstream children("/proc/self/task/" + std::to_string(thread) + "/children");
        for (int child; children >> child;) state.children.insert(child);
    }
    return state;
}

bool blocksSignals(int thread) {
    const std::string mask = line("/proc/self/task/" + std::to_string(thread) + "/status", "SigBlk:");
    if (mask.empty()) return true;
    const unsigned long long blocked = std::strtoull(mask.c_str(), nullptr, 16);
    // KILL and STOP cannot be blocked, 32 and 33 are the C library's own, and what a fault raises
    // (ILL, TRAP, ABRT, BUS, FPE, SEGV) ends the process whether it is blocked or not.
    for (int signal : {1, 2, 3, 10, 12, 13, 14, 15, 17, 28})
        if (!(blocked & (1ull << (signal - 1)))) return false;
    return true;
}

} // namespace usher::check
