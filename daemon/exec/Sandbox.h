#pragma once

#include "exec/Credentials.h"

#include <string>

namespace usher {

// DESIGN. Profile strict, on top of what basic gives, by namespaces of the test's own. Nothing of it needs a
// privilege: the test's user makes a user namespace, in which it may have the others, and gives all it got
// there up again before the test begins.
//   mount: the whole system read-only; writable are the run's box, /tmp and /var/tmp (the box's tmp),
//   /dev/shm;
//          /dev has the harmless devices only, /run (other programs' sockets) is empty
//   pid:   the test sees its own processes only; its keeper is the first, and when that one dies the kernel
//          kills every other
//   ipc, uts: no System V objects, no host name of others; network: none but a loopback of its own
// Seccomp comes last (SyscallFilter.h). All functions are [after-fork], of a program with one thread; they
// return which step failed, errno says why.

struct SandboxPlan {
    std::string box;       ///< path of what may be written to; "": nothing (a trial)
    std::string temporary; ///< path of what /tmp and /var/tmp are there
    bool network = false;  ///< stay in the machine's network
};

/// In a process that runs as `user` without capabilities: its children are the sandbox's first process. The
/// process itself is still seen by others and must not live on.
const char* enterNamespaces(const TestUser& user, const SandboxPlan& plan);
/// In that first process, before anything else.
const char* becomeFirstProcess();

/// Tries everything that profile strict needs, as this user, in child processes. Why it cannot be given on
/// this machine, or "".
std::string whyNotStrict(const TestUser& user);

} // namespace usher
