#include "exec/SandboxMounts.h"

#include "base/UniqueFd.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

// The C library's <sys/mount.h> and the kernel's <linux/mount.h> cannot be had together in Debian 12.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;

namespace usher {

namespace {

constexpr unsigned long kNoSuid = 2, kNoDev = 4, kNoExec = 8, kRecursive = 16384, kPrivate = 1 << 18;
constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty"};

/// A copy of what is mounted at `path`, not yet anywhere.
UniqueFd copyOf(const std::string& path, bool withMountsBelow = false) {
    const unsigned below = withMountsBelow ? AT_RECURSIVE : 0;
    return UniqueFd(static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below)));
}

bool place(const UniqueFd& tree, const std::string& path) {
    return ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

bool setAttributes(int tree, const char* path, unsigned flags, std::uint64_t set) {
    mount_attr attributes{};
    attributes.attr_set = set;
    return ::syscall(SYS_mount_setattr, tree, path, flags, &attributes, sizeof attributes) == 0;
}

/// Every folder of the path that is missing and can be made.
void makeFolders(const std::string& path) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        ::mkdir(path.substr(0, slash).c_str(), 0755);
    ::mkdir(path.c_str(), 0755);
}

bool isFolder(const char* path) {
    struct stat st {};
    return ::stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool newDev() {
    std::array<UniqueFd, std::size(kDevices)> devices;
    for (std::size_t i = 0; i < devices.size(); ++i)
        devices[i] = copyOf(std::string("/dev/") + kDevices[i]); // one that is not there stays away
    if (::mount("tmpfs", "/dev", "tmpfs", kNoSuid | kNoExec, "size=64k,mode=755") != 0) return false;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        if (!devices[i]) continue;
        const std::string path = std::string("/dev/") + kDevices[i];
        if (!UniqueFd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) || !place(devices[i], path))
            return false;
    }
    constexpr const char* links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                        {"/proc/self/fd/0", "/dev/stdin"},
                                        {"/proc/self/fd/1", "/dev/stdout"},
                                        {"/proc/self/fd/2", "/dev/stderr"},
                                        {"pts/ptmx", "/dev/ptmx"}};
    for (const auto& link : links)
        if (::symlink(link[0], link[1]) != 0) return false;
    return ::mkdir("/dev/pts", 0755) == 0 && ::mkdir("/dev/shm", 01777) == 0 &&
           ::mount("devpts", "/dev/pts", "devpts", kNoSuid | kNoExec, "newinstance,ptmxmode=0666,mode=620") ==
               0 &&
           ::mount("tmpfs", "/dev/shm", "tmpfs", kNoSuid | kNoDev, "size=256m,mode=1777") == 0 &&
           setAttributes(AT_FDCWD, "/dev", 0, MOUNT_ATTR_RDONLY);
}

} // namespace

const char* closeMounts(const SandboxPlan& plan) {
    const std::string& box = plan.box;
    if (::mount(nullptr, "/", nullptr, kRecursive | kPrivate, nullptr) != 0)
        return "cannot make the mounts private";
    ::umask(022); // what is made here is for every test of the run
    // Copied before anything is read-only or covered.
    UniqueFd writable, temporary[2], resolving;
    if (!box.empty()) {
        writable = copyOf(box);
        for (UniqueFd& one : temporary) one = copyOf(plan.temporary);
        for (const UniqueFd* tree : {&writable, &temporary[0], &temporary[1]})
            if (!*tree ||
                !setAttributes(tree->get(), "", AT_EMPTY_PATH, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
                return "cannot prepare the run's folder";
    }
    std::string resolverFolder;
    std::array<char, PATH_MAX> real;
    if (plan.network && ::realpath("/etc/resolv.conf", real.data()) &&
        std::string_view(real.data()).substr(0, 5) == "/run/") {
        resolverFolder = std::string(real.data(), std::string_view(real.data()).rfind('/'));
        resolving = copyOf(resolverFolder);
        if (resolving) setAttributes(resolving.get(), "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY);
    }

    if (!setAttributes(AT_FDCWD, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID))
        return "cannot make the system read-only";
    if (!newDev()) return "cannot make a /dev of its own";
    const bool coversRun = isFolder("/run");
    if (coversRun && ::mount("tmpfs", "/run", "tmpfs", kNoSuid | kNoDev, "size=64k,mode=755") != 0)
        return "cannot cover /run";
    if (!box.empty()) {
        if (!place(temporary[0], "/tmp")) return "cannot make a /tmp of its own";
        if (isFolder("/var/tmp") && !place(temporary[1], "/var/tmp"))
            return "cannot make a /var/tmp of its own";
        makeFolders(box); // where one of the above covers it
        if (!place(writable, box)) return "cannot make the run's folder writable";
    }
    if (resolving) {
        makeFolders(resolverFolder);
        if (!place(resolving, resolverFolder)) return "cannot keep the resolver's configuration";
    }
    if (coversRun && !setAttributes(AT_FDCWD, "/run", 0, MOUNT_ATTR_RDONLY))
        return "cannot make /run read-only";
    return nullptr;
}

} // namespace usher
