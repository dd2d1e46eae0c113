#pragma once

#include "ctl/Command.h"
#include "ctl/Io.h"

#include <string>
#include <vector>

namespace usher::ctl {

// Each noun brings its commands; the order is the order of the help.
void addAccountCommands(std::vector<Command>& commands);
void addJobCommands(std::vector<Command>& commands);
void addImportCommand(std::vector<Command>& commands);
void addTestCommands(std::vector<Command>& commands);
void addSecretCommands(std::vector<Command>& commands);
void addScheduleCommands(std::vector<Command>& commands);
void addWebhookCommands(std::vector<Command>& commands);
void addKeyCommands(std::vector<Command>& commands);
void addKeyInspectCommand(std::vector<Command>& commands);
void addTriggerCommand(std::vector<Command>& commands);
void addRunCommands(std::vector<Command>& commands);
void addUserCommands(std::vector<Command>& commands);
void addPluginCommands(std::vector<Command>& commands);
void addAuditCommand(std::vector<Command>& commands);
void addNodeCommands(std::vector<Command>& commands);

/// Everything that usherctl can do.
CommandTable allCommands();

/// Runs one command line and tells its exit code: 0 done, 2 wrong command line, 7 refused, 8 not reachable, 3
/// anything unexpected, or the verdict of a run. Prints `error: …` on Io::err, never a stack, never a secret.
int runCommandLine(const std::vector<std::string>& words, Io& io);

} // namespace usher::ctl
