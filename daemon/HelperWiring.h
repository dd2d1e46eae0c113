#pragma once

#include "plugin/isolated/HelperStarter.h"

#include <memory>
#include <string>

namespace usher {

struct ExecSettings;

// Part of the composition root: isolated plugins are the plugin room's, the launcher that starts their
// processes is the exec room's.

/// usher-plugin lies beside usher-leader.
std::string helperProgram(const std::string& leader);

/// The launcher as starter of plugins' processes, over a connection of its own. `settings.launcher`, when it
/// is there, must not have been given to the executor yet. [main]
std::unique_ptr<HelperStarter> makeHelperStarter(const ExecSettings& settings);

} // namespace usher
