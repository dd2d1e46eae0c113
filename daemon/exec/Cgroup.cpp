#include "exec/Cgroup.h"

#include "base/Text.h"
#include "exec/Files.h"
#include "exec/Remains.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace usher {

namespace {

std::string limitText(std::int64_t limit) {
    return limit > 0 ? std::to_string(limit) : "max";
}

pid_t forkAs(Kin kin) {
    if (kin == Kin::child) return ::fork();
    return static_cast<pid_t>(::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
}

} // namespace

std::vector<Cgroup> Cgroup::children() const {
    std::vector<Cgroup> found;
    UniqueFd folder(::open(_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!*this || !folder) return found;
    for (const std::string& name : namesIn(folder.get())) {
        struct stat st {};
        if (::fstatat(folder.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
            found.push_back(child(name));
    }
    return found;
}

bool Cgroup::make() const {
    return *this && (::mkdir(_path.c_str(), 0755) == 0 || errno == EEXIST);
}

bool Cgroup::write(const char* file, const std::string& text) const {
    UniqueFd fd(::open((_path + "/" + file).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    return fd && writeAll(fd.get(), text);
}

std::string Cgroup::read(const char* file) const {
    if (!*this) return {};
    return readFile(_path + "/" + file, 1 << 20).value_or("");
}

bool Cgroup::lists(const char* file, const std::string& controller) const {
    const std::vector<std::string> names = split(std::string(trim(read(file))), ' ');
    return std::find(names.begin(), names.end(), controller) != names.end();
}

bool Cgroup::limit(const CgroupLimits& limits) const {
    if (!write("memory.max", limitText(limits.memoryBytes)) ||
        !write("pids.max", limitText(limits.processes)))
        return false;
    // A test of which a part was ended would go on with a hole in it.
    if (!write("memory.oom.group", "1")) return false;
    // Missing where the kernel accounts no swap: then none is used against the limit.
    if (!write("memory.swap.max", limits.memoryBytes > 0 ? "0" : "max") && errno != ENOENT) return false;
    return true;
}

std::int64_t Cgroup::count(const char* file, const std::string& what) const {
    for (const std::string& line : split(read(file), '\n'))
        if (line.compare(0, what.size() + 1, what + " ") == 0)
            return parseInteger(std::string_view(line).substr(what.size() + 1)).value_or(0);
    return 0;
}

bool Cgroup::kill() const {
    return *this && write("cgroup.kill", "1");
}

bool Cgroup::remove() const {
    if (!*this) return true;
    for (const Cgroup& below : children())
        if (!below.remove()) return false;
    return ::rmdir(_path.c_str()) == 0 || errno == ENOENT;
}

pid_t forkInto(const Cgroup& group, void (*failed)(const void*), const void* context, Kin kin) {
    if (!group) return forkAs(kin);
    UniqueFd folder(::open(group.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return -1;
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    if (kin == Kin::sibling)
        arguments.flags |= CLONE_PARENT; // and the signal is that of our own end
    else
        arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<std::uint64_t>(folder.get());
    const auto born = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    // ENOSYS: RestrictNamespaces= of the service, whose filter cannot look into the call's arguments.
    if (born >= 0 || errno == EAGAIN || errno == ENOMEM) return born;
    UniqueFd entry(::openat(folder.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    if (!entry) return -1;
    const pid_t child = forkAs(kin);
    if (child == 0 && ::write(entry.get(), "0", 1) != 1) {
        if (failed) failed(context);
        ::_exit(127);
    }
    return child;
}

} // namespace usher
