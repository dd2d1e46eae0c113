#pragma once

#include <sys/types.h>

namespace usher {

// What a plugin's process gives away before any of the plugin's code runs; while it has one thread.

/// Groups, gid, uid, and no capability is left. False: nothing may be loaded.
bool becomeUserForGood(uid_t uid, gid_t gid);

/// No new privileges, no core (it would hold secrets), a limit on memory, and without `network` no socket but
/// AF_UNIX. False: it could not be done.
bool confine(bool network);

} // namespace usher
