#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

namespace usher {

/// The system calls that a test of profile strict does without: what changes the machine, its mounts and
/// namespaces, its keys, what looks into the kernel, sockets of families that no network namespace holds.
/// Everything else is allowed, because tests are any programs; a refused call gives EPERM (ENOSYS where
/// programs then take another way), one of another architecture ends the process.
class SyscallFilter {
public:
    /// Built here, once; applied after forks. Throws std::runtime_error.
    SyscallFilter();
    /// For the calling process and all that it starts; for good. Needs no_new_privs. False with errno.
    /// [after-fork]
    bool apply() const;

private:
    std::vector<sock_filter> _program;
};

} // namespace usher
