#pragma once

#include "domain/RunStore.h"

#include <chrono>
#include <optional>

namespace usher {

// How what is to be run comes from the daemon to its leader: over the connection that the leader is born
// with, as the first packet, which carries a descriptor of memory that no file system knows. So scripts,
// parameters and secrets stand in no file but the test's own, in no argument and in no environment but the
// tests'.

/// False with errno.
bool sendRun(int connection, const ClaimedRun& run);
/// The first packet of the connection. Throws std::runtime_error when it does not come in time or is
/// something else.
ClaimedRun receiveRun(int connection, std::chrono::milliseconds patience);

} // namespace usher
