#pragma once

#include "config/Config.h"

namespace usher {

/// readConfig(), and what is wrong in the eyes of those who read the file or a value themselves: [exec] as
/// the launcher understands it, [database] url. All at once, each "FILE:LINE: …".
ConfigResult readWholeConfig(const std::string& path, const ConfigDefaults& defaults,
                             const std::string& launcher);

} // namespace usher
