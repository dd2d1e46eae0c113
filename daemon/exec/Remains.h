#pragma once

#include "exec/Credentials.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace usher {

// What is left of a test after its first process ended: processes and files. For programs with one thread.
// Everything that acts as another user does so in a child process that became that user for good.

/// KILL to every process of `uid`, by one call of the kernel, which no fork can slip past.
void killUser(uid_t uid);
/// KILL to all descendants of `root`, stopped first so that none can fork away. A child subreaper has every
/// process below it that its tests ever started, whatever they did with sessions and parents.
void killDescendants(pid_t root);
/// Empties the folders of a test's box as the user they belong to, at most 30 s.
void emptyAsUser(int box, const TestUser& user);

/// All names in a folder but . and ..; empty when it cannot be read.
std::vector<std::string> namesIn(int folder);

} // namespace usher
