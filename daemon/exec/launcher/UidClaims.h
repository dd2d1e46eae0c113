#pragma once

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <vector>

namespace usher {

// Launchers of one machine may share a range of uids: a checkout beside a package, three nodes of a test.
// What one of them kills under a uid must never be another's, so a uid is claimed before it is used: byte N
// of a file in /run is locked while uid N is somebody's (open file description locks, fcntl(2)). The lock
// belongs to the open file, and that to whoever inherits it: a leader keeps its claim when its launcher is
// gone, and loses it with its own end, however it ends.

/// An open file of its own, for the claims of one run. Empty where there is no place for the file (a /run
/// that cannot be written): then nobody else is known of. [any-thread]
UniqueFd openUidClaims();

/// True when all are ours now, through `file`; with an empty `file`, always. None is kept when one is
/// another's.
bool claimUids(const UniqueFd& file, const std::vector<uid_t>& uids);

} // namespace usher
