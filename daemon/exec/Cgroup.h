#pragma once

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace usher {

/// What the kernel holds all processes of one test together to. 0: no limit.
struct CgroupLimits {
    std::int64_t memoryBytes = 0; ///< no swap beside it; who is over it is ended, with all of the group
    std::int64_t processes = 0;   ///< and threads; a fork beyond it fails
};

/// A control group of cgroup v2: a folder whose files are the kernel's. This object is its name only, free to
/// copy; no name: there is no group, and every question is answered so. Failures are told by the result, with
/// errno. Not synchronised.
class Cgroup {
public:
    Cgroup() = default;
    explicit Cgroup(std::string path) : _path(std::move(path)) {}

    explicit operator bool() const { return !_path.empty(); }
    const std::string& path() const { return _path; }
    Cgroup child(const std::string& name) const { return Cgroup(_path + "/" + name); }
    std::vector<Cgroup> children() const;
    std::string name() const { return _path.substr(_path.rfind('/') + 1); }

    /// True also when it is there already.
    bool make() const;
    bool write(const char* file, const std::string& text) const;
    /// "" when it cannot be read.
    std::string read(const char* file) const;
    /// Does the group above hand this controller down to it?
    bool offers(const std::string& controller) const { return lists("cgroup.controllers", controller); }
    /// Do the groups below have it?
    bool hands(const std::string& controller) const { return lists("cgroup.subtree_control", controller); }
    bool limit(const CgroupLimits& limits) const;

    /// "oom_kill" of memory.events, "max" of pids.events; 0 when it is not told.
    std::int64_t count(const char* file, const std::string& what) const;
    /// Anything alive in it, or below.
    bool populated() const { return count("cgroup.events", "populated") > 0; }
    /// KILL to everything in it and below, at once: nothing forks itself out of it.
    bool kill() const;
    /// With the groups below it. False while something in it is alive.
    bool remove() const;

private:
    bool lists(const char* file, const std::string& controller) const;

    std::string _path;
};

/// Whose child a new process is: of who forks, or its sibling, which its parent reaps.
enum class Kin { child, sibling };

/// fork() whose child is in `group` before it does anything; without a group just fork(). Born there where
/// the kernel and the service's filters let it (clone3), else it moves itself. A child that could not be
/// moved ends with code 127, and `failed` (may be empty) is called in it first. For programs with one thread.
pid_t forkInto(const Cgroup& group, void (*failed)(const void*) = nullptr, const void* context = nullptr,
               Kin kin = Kin::child);

} // namespace usher
