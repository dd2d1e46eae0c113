#pragma once

#include "base/UniqueFd.h"

#include <string>

namespace usher {

struct ExecSettings;

// The order in main(), before the first thread exists:
//   1. read and check the configuration;
//   2. settings.launcher = startLauncher(settings)   (not with launcherSocket: that unit runs by itself)
//   3. dropPrivileges(stateDir)
//   4. everything else: logging, plugins, stores, listener, LeaderProcess(std::move(settings), …)

/// Starts usher-launcher as a child with our present privileges and returns the connection to it. It keeps
/// setuid, setgid and kill only, becomes the owner of the state folder, and ends when the connection closes.
/// Throws std::runtime_error when the program cannot be started. [main]
UniqueFd startLauncher(const ExecSettings& settings);

/// Started as root: becomes the owner of `stateDir` (user, group, no other groups) unless that is root. In
/// every case drops all capabilities, also from the bounding set, and sets no_new_privs, so that nothing the
/// process starts can regain any. Throws std::runtime_error when something was refused, or when threads exist
/// already (capabilities belong to a thread). [main]
void dropPrivileges(const std::string& stateDir);

} // namespace usher
