#pragma once

#include <chrono>
#include <string>

namespace usher {

/// Ends the runs below `runsDir` whose leaders live: TERM to these, so that they end their tests and write
/// down why; whoever is left after `patience` is killed, with its tests. For a removal of the service, which
/// has ended already. Wants root, or the launcher's capabilities. False when something lives on.
bool endRuns(const std::string& runsDir, std::chrono::seconds patience);

} // namespace usher
