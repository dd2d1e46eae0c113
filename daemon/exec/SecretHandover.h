#pragma once

#include "domain/Run.h"

#include <chrono>
#include <optional>

namespace usher {

// How a run's secrets come from the daemon to its leader: over the connection that the leader is born with,
// as the first packet, which carries a descriptor of memory that no file system knows. So they stand in no
// file, no argument and no environment but the tests'.

/// False with errno.
bool sendSecrets(int connection, const Environment& secrets);
/// The first packet of the connection; nothing when it does not come in time or is something else.
std::optional<Environment> receiveSecrets(int connection, std::chrono::milliseconds patience);

} // namespace usher
