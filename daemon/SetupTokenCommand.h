#pragma once

#include "config/Config.h"
#include "domain/NodeStore.h"

#include <string>

namespace usher {

/// `usherd setup-token`: makes a new one-time token for the first admin, because the old one is lost. The
/// token goes into the file setup-token (0600) of the state folder, its digest into the database; a daemon
/// that is running knows it at once. Returns the file's path. Throws std::runtime_error with what to do when
/// there are users already. [main]
std::string replaceSetupToken(const Config& config, NodeStore& store, const std::string& nodeName);

} // namespace usher
