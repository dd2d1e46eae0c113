#pragma once

#include "base/IniFile.h"
#include "config/Config.h"

#include <string>
#include <vector>

namespace usher {

/// Adds a problem for each line that names a plugin whose file cannot be read: "FILE:LINE: [auth] trigger:
/// there is no plugin NAME at PATH: …". usherd then does not start: a chain with one plugin less could let
/// somebody in whom the operator meant to keep out. The packages' scripts look for the words "there is no
/// plugin" (packaging/plugins-are-there).
void checkPluginFiles(const Config& config, const IniFile& file, std::vector<std::string>& problems);

} // namespace usher
