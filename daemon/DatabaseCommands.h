#pragma once

#include "config/Config.h"
#include "storage/Migrator.h"

#include <Poco/Logger.h>

namespace usher {

// What usherd does with its database before, or instead of, serving. [main]; they throw std::runtime_error
// with what to do.

/// The daemon's own steps, a line in the log for each.
void applyMigrations(Migrator& migrator, Poco::Logger& logger);
/// `usherd migrate`: shows what is pending and applies it: the daemon's own steps, then each plugin's, which
/// it takes when it starts. Returns the exit code.
int migrate(const Config& config);
/// `usherd setup-token`. Returns the exit code.
int newSetupToken(const Config& config);

} // namespace usher
