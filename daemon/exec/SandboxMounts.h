#pragma once

#include <string>

namespace usher {

/// The file systems of profile strict, in a mount namespace of the caller's own in which it has all
/// capabilities: everything read-only, `box` (when given) writable at its own path, its tmp as /tmp and
/// /var/tmp, a /dev of harmless devices, an empty /run (with `resolver`: what /etc/resolv.conf points to
/// there stays). Returns which step failed, with errno. [after-fork]
const char* closeMounts(const std::string& box, bool resolver);

} // namespace usher
