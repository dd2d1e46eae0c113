#include "DatabaseCommands.h"

#include "HelperWiring.h"
#include "Logging.h"
#include "PluginWiring.h"
#include "SetupTokenCommand.h"
#include "StateFolder.h"
#include "config/KeyFile.h"
#include "exec/Privileges.h"
#include "observe/AuditLog.h"
#include "plugin/PluginHost.h"
#include "plugin/isolated/SpawnedHelpers.h"
#include "storage/Database.h"

#include <unistd.h>

#include <iostream>
#include <stdexcept>

namespace usher {

void applyMigrations(Migrator& migrator, Poco::Logger& logger) {
    for (const auto& step : migrator.apply())
        logger.information("database: migration " + std::to_string(step.version) + " " + step.name +
                           " applied");
}

int migrate(const Config& config) {
    StateFolder::create(config.stateDir);
    const std::string password = readDatabasePassword(config);
    dropPrivileges(config.stateDir); // what is made here belongs to the daemon's user
    setUpLogging("information");
    Poco::Logger& logger = Poco::Logger::get("usherd");
    auto database = Database::open({config.databaseUrl, password, 4});
    for (const auto& step : database->migrator().pending())
        std::cout << "daemon " << step.version << " " << step.name << ": pending" << std::endl;
    applyMigrations(database->migrator(), logger);
    std::cout << "daemon: up to date" << std::endl;
    SystemClock clock;
    AuditLog audit(database->nodes(), clock, Poco::Logger::get("audit"));
    SpawnedHelpers helpers(helperProgram(config.leader));
    PluginServices services(audit, database->turn(), &helpers);
    PluginHost plugins(services);
    for (const PluginSection& section : config.plugins) plugins.add(settingsOf(config, section, password));
    plugins.start();
    for (const std::string& name : plugins.names()) std::cout << name << ": up to date" << std::endl;
    if (!plugins.stop()) _exit(0); // threads of a plugin still run
    return 0;
}

int newSetupToken(const Config& config) {
    StateFolder::create(config.stateDir);
    const std::string password = readDatabasePassword(config);
    dropPrivileges(config.stateDir);
    auto database = Database::open({config.databaseUrl, password, 4});
    if (!database->migrator().pending().empty())
        throw std::runtime_error(
            "the database is not prepared yet: start usherd once, it makes the token itself");
    std::cout << "a new setup token is in " << replaceSetupToken(config, database->nodes(), hostName())
              << "\n";
    return 0;
}

} // namespace usher
