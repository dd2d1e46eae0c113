#include "exec/Files.h"

#include "base/Text.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

namespace usher {

namespace {

using Instant = std::chrono::steady_clock::time_point;

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

UniqueFd openFolder(int parent, const char* name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(parent, name, flags));
    if (!fd && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0)
        fd.reset(::openat(parent, name, flags));
    return fd;
}

/// Empties one folder. What lies deeper than `depth` is moved up to `top` under a new name, so that a tree of
/// any depth needs few descriptors and no deep stack.
class Emptier {
public:
    Emptier(int top, Instant deadline) : _top(top), _deadline(deadline) {}

    /// True when something was removed or moved: another round may help.
    bool empty(int folder, int depth) {
        struct stat st {};
        // Only what is missing: the group's rights are needed by who cleans up next.
        if (::fstat(folder, &st) == 0 && (st.st_mode & 0700) != 0700)
            ::fchmod(folder, (st.st_mode & 07777) | 0700);
        int copy = ::fcntl(folder, F_DUPFD_CLOEXEC, 3);
        Dir dir(copy < 0 ? nullptr : ::fdopendir(copy));
        if (!dir) {
            if (copy >= 0) ::close(copy);
            return false;
        }
        ::rewinddir(dir.get());
        bool progress = false;
        while (dirent* entry = ::readdir(dir.get())) {
            std::string_view name = entry->d_name;
            if (name == "." || name == "..") continue;
            if (std::chrono::steady_clock::now() > _deadline) return false;
            progress = removeOne(folder, entry->d_name, depth) || progress;
        }
        return progress;
    }

private:
    bool removeOne(int folder, const char* name, int depth) {
        if (::unlinkat(folder, name, 0) == 0) return true;
        if (errno != EISDIR && errno != EPERM) return false;
        if (::unlinkat(folder, name, AT_REMOVEDIR) == 0) return true;
        if (depth == 0) {
            std::string up = ".usher-deep-" + std::to_string(++_moved);
            return ::renameat(folder, name, _top, up.c_str()) == 0;
        }
        bool progress = false;
        if (UniqueFd child = openFolder(folder, name)) progress = empty(child.get(), depth - 1);
        return ::unlinkat(folder, name, AT_REMOVEDIR) == 0 || progress;
    }

    int _top;
    Instant _deadline;
    int _moved = 0;
};

} // namespace

UniqueFd openStepwise(int folder, const std::string& path, int flags, mode_t mode) {
    std::vector<std::string> names;
    for (std::string& name : split(path, '/'))
        if (!name.empty() && name != ".") names.push_back(std::move(name));
    if (path.starts_with('/') || std::find(names.begin(), names.end(), "..") != names.end()) {
        errno = EXDEV;
        return {};
    }
    const std::string last = names.empty() ? "." : names.back();
    if (!names.empty()) names.pop_back();
    UniqueFd step;
    for (const std::string& name : names) {
        const int from = step ? step.get() : folder;
        step = UniqueFd(::openat(from, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!step) return {};
    }
    UniqueFd file(::openat(step ? step.get() : folder, last.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, mode));
    struct stat st {};
    if (file && (flags & O_PATH) && !(flags & O_NOFOLLOW) && ::fstat(file.get(), &st) == 0 &&
        S_ISLNK(st.st_mode)) {
        errno = ELOOP;
        return {};
    }
    return file;
}

UniqueFd openBeneath(int folder, const std::string& path, int flags, mode_t mode) {
    if (path.find('\0') != std::string::npos) {
        errno = EINVAL;
        return {};
    }
    // Asked once: a filter of system calls is there from the start, and stays.
    static std::atomic<bool> known{true};
    if (!known) return openStepwise(folder, path, flags, mode);
    open_how how{};
    how.flags = static_cast<__u64>(flags | O_CLOEXEC);
    how.mode = flags & O_CREAT ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    UniqueFd file(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
    if (file || errno != ENOSYS) return file;
    known = false;
    return openStepwise(folder, path, flags, mode);
}

std::optional<std::string> readBeneath(int folder, const std::string& path, std::size_t limit) {
    UniqueFd fd = openBeneath(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
    if (static_cast<std::size_t>(st.st_size) > limit) return std::nullopt;
    std::string text(static_cast<std::size_t>(st.st_size), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        ssize_t n = ::read(fd.get(), text.data() + have, text.size() - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::nullopt;
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
    }
    text.resize(have);
    return text;
}

bool writeAll(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool replaceFile(int folder, const std::string& name, std::string_view text, mode_t mode, bool durable) {
    std::string beside = name + ".new";
    UniqueFd fd = openBeneath(folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    if (!fd || ::fchmod(fd.get(), mode) != 0 || !writeAll(fd.get(), text)) return false;
    if (durable && ::fsync(fd.get()) != 0) return false;
    if (::renameat(folder, beside.c_str(), folder, name.c_str()) != 0) return false;
    return !durable || ::fsync(folder) == 0;
}

bool writeOnce(int folder, const std::string& name, std::string_view line) {
    UniqueFd fd = openBeneath(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    return fd && writeAll(fd.get(), std::string(line) + "\n") && ::fsync(fd.get()) == 0;
}

std::optional<std::string> readWritten(int folder, const std::string& name, std::size_t limit) {
    auto text = readBeneath(folder, name, limit);
    if (!text || text->empty() || text->back() != '\n') return std::nullopt;
    text->pop_back();
    return text;
}

bool makeFolder(int parent, const std::string& name, mode_t mode) {
    if (::mkdirat(parent, name.c_str(), mode & 0777) != 0) return errno == EEXIST;
    UniqueFd fd = openBeneath(parent, name, O_RDONLY | O_DIRECTORY);
    return fd && ::fchmod(fd.get(), mode) == 0;
}

bool removeTree(int parent, const std::string& name, int seconds) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < deadline) {
        if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
        if (errno == ENOTDIR) return ::unlinkat(parent, name.c_str(), 0) == 0;
        UniqueFd top = openFolder(parent, name.c_str());
        if (!top || !Emptier(top.get(), deadline).empty(top.get(), 32)) break;
    }
    return ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

bool giveToGroup(int fd, std::optional<gid_t> group, mode_t mode, const std::string& name,
                 std::string& problem) {
    if (group && ::fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
        problem = "cannot give " + name + " to group " + std::to_string(*group) + ": " + std::strerror(errno);
        return false;
    }
    if (::fchmod(fd, mode) == 0) return true;
    problem = "cannot set the mode of " + name + ": " + std::strerror(errno);
    return false;
}

} // namespace usher
