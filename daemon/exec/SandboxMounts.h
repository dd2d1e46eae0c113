#pragma once

#include "exec/Sandbox.h"

namespace usher {

/// The file systems of profile strict, in a mount namespace of the caller's own in which it has all
/// capabilities: everything read-only, `box` (when given) writable at its own path, `temporary` as /tmp and
/// /var/tmp, a /dev of harmless devices, an empty /run (with `network`: what /etc/resolv.conf points to
/// there stays). Returns which step failed, with errno. [after-fork]
const char* closeMounts(const SandboxPlan& plan);

} // namespace usher
