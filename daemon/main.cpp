// The composition root, with the files beside it: the only place that names every concrete class. Parts are
// made in order and go in reverse.
#include "Arguments.h"
#include "ClusterWiring.h"
#include "ConfigCheck.h"
#include "DatabaseCommands.h"
#include "HelperWiring.h"
#include "Logging.h"
#include "PluginReload.h"
#include "PluginWiring.h"
#include "Routes.h"
#include "Signals.h"
#include "StateFolder.h"
#include "app/GuessThrottle.h"
#include "app/Retention.h"
#include "app/ScheduleTicker.h"
#include "app/WebhookDeliveries.h"
#include "base/ServiceManager.h"
#include "base/Text.h"
#include "config/KeyFile.h"
#include "exec/LeaderProcess.h"
#include "exec/Privileges.h"
#include "exec/RunFolder.h"
#include "http/WebhookPost.h"
#include "http/endpoints/Endpoints.h"
#include "observe/Pulse.h"
#include "plugin/PluginHost.h"
#include "storage/Database.h"

#include <Poco/Logger.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <iostream>

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

using namespace usher;

namespace {

int run(Config config, const ConfigDefaults& defaults, const sigset_t& signals, ServiceManager& manager) {
    // Privileges first, while there is one thread: the launcher keeps what little is needed, we keep nothing.
    StateFolder::create(config.stateDir);
    ExecSettings exec;
    exec.runsDir = config.stateDir + "/runs";
    exec.configFile = config.file;
    (config.launcherIsSocket ? exec.launcherSocket : exec.launcherPath) = config.launcher;
    exec.leaderPath = config.leader;
    exec.sandbox = config.sandbox;
    const std::string password = readDatabasePassword(config);
    const std::string clusterSecret = readClusterSecret(config);
    const std::string secretsKey =
        config.secretsKeyFile.empty() ? std::string() : readSecretsKey(config.secretsKeyFile);
    if (!config.launcherIsSocket) exec.launcher = startLauncher(exec);
    const std::unique_ptr<HelperStarter> helpers = makeHelperStarter(exec);
    dropPrivileges(config.stateDir);
    prctl(PR_SET_DUMPABLE, 0); // secrets never reach a core

    setUpLogging(config.logLevel);
    Poco::Logger& logger = Poco::Logger::get("usherd");
    StateFolder state(config.stateDir);
    SystemClock clock;
    exec.nodeId = state.nodeId();

    auto database = Database::open({config.databaseUrl, password, 8});
    if (!database->migrator().pending().empty()) {
        manager.startTakes(Migrator::kPatience);
        applyMigrations(database->migrator(), logger);
        manager.startTakes(std::chrono::minutes(2));
    }
    AuditLog audit(database->nodes(), clock, Poco::Logger::get("audit"),
                   std::chrono::hours(24) * config.auditKeepDays);
    PluginServices pluginServices(audit, database->turn(), helpers.get());
    PluginHost plugins(pluginServices);
    for (const PluginSection& section : config.plugins) plugins.add(settingsOf(config, section, password));
    plugins.start();
    const std::unique_ptr<Shadow> shadow = makeShadow(config, plugins);
    AuthChain trigger = makeChain("trigger", config.trigger, plugins, shadow.get());
    AuthChain runs = makeChain("run", config.run, plugins, shadow.get());
    AuthChain manage = makeChain("manage", config.manage, plugins, shadow.get());

    JobSecrets secrets(secretsKey, database->secrets(), clock);
    exec.secretsOf = [&secrets](const std::string& jobId) { return secrets.open(jobId); };

    Timers timers;
    RunFeed feed;
    QueueGauge gauge(database->triggers(), config.queueLimit);
    RunScheduler scheduler(
        {.nodeId = exec.nodeId, .capacity = config.capacity, .leases = isShared(*database)}, database->runs(),
        feed, gauge, clock, Poco::Logger::get("scheduler"));
    RunFolder ownFiles(exec.runsDir);
    const std::string nodeId = exec.nodeId;
    Retention retention({config.keepDays, config.keepRuns}, nodeId, database->retention(), ownFiles, clock,
                        Poco::Logger::get("retention"));
    LeaderProcess executor(std::move(exec), scheduler, clock);
    TriggerJob triggers(trigger, database->triggers(), gauge, clock, Poco::Logger::get("trigger"),
                        [&scheduler] { scheduler.wake(); });

    ScheduleTicker schedules({database->schedules(), database->triggers(), gauge, clock,
                              Poco::Logger::get("schedule"), [&scheduler] { scheduler.wake(); },
                              [&audit](AuditRecord skipped) { audit.record(std::move(skipped)); }});

    WebhookPost webhookSender(config.webhooksAllow, "usherd/" USHER_VERSION);
    WebhookDeliveries webhooks(secretsKey, database->webhooks(), webhookSender, clock,
                               Poco::Logger::get("webhook"));

    ClusterWiring cluster(config, nodeId, clusterSecret,
                          {*database, ownFiles, feed, scheduler, gauge, clock});

    Health health;
    addHealthParts(health, database->nodes(), clock, plugins, executor);
    Metrics metrics;
    metrics.addSource([&] { return samplesOf(plugins, health, audit, shadow.get()); });

    GuessThrottle throttle(config.throttleExempt);
    Gate gate({config.trustedProxies, config.publicUrl, config.port, !config.tlsCertificate.empty()}, trigger,
              runs, manage, throttle, timers, audit);
    BlockingPool pool(16, 2000);
    Router router(gate, pool, timers, Poco::Logger::get("http"));
    Services services{database->jobs(),
                      database->runs(),
                      database->nodes(),
                      cluster.files(),
                      triggers,
                      scheduler,
                      feed,
                      gauge,
                      gate,
                      timers,
                      pool,
                      audit,
                      health,
                      metrics,
                      clock,
                      secrets,
                      database->schedules(),
                      database->webhooks(),
                      webhookSender,
                      retention,
                      config.testTypes};
    OpenApiDocument description;
    PluginReload reload(config, defaults, password, plugins);
    addPluginReloadRoute(router, services, reload);
    addRoutes(router, services, {trigger, runs, manage}, plugins, config, description);

    ListenerSettings listening;
    listening.address = config.address;
    listening.port = config.port;
    if (auto inherited = manager.takeListener()) {
        listening.listenFd = inherited->release();
        if (config.address != Config().address || config.port != Config().port)
            logger.warning("[http] address and port are not heeded: the service manager's socket decides "
                           "where to listen "
                           "(systemctl edit usherd.socket)");
    }
    listening.maxConnections = config.maxConnections;
    listening.tlsCertificateFile = config.tlsCertificate;
    listening.tlsKeyFile = config.tlsKey;
    listening.report = [&](const std::string& line) { Poco::Logger::get("http").warning(line); };
    Listener listener(listening, router);

    cluster.start(listening.report);
    audit.start();
    timers.start();
    feed.start();
    pool.start();
    health.start();
    triggers.start();
    listener.start();
    gate.setPort(listener.port());
    scheduler.start(executor);
    Pulse pulse([&manager] { manager.alive(); }, [&logger](const std::string& line) { logger.error(line); });
    pulse.add("the door", [&listener] { return listener.turns(); });
    pulse.add("the database's prober", [&health] { return health.turns(); });
    pulse.add("the scheduler", [&scheduler] { return scheduler.turns(); });
    if (manager.watchdog()) pulse.start(*manager.watchdog());
    retention.start();
    schedules.start();
    webhooks.start();
    manager.ready();
    logger.information(
        "usherd " USHER_VERSION " listens on " +
        (listening.listenFd ? std::string("the service manager's socket, port ") : config.address + ":") +
        std::to_string(listener.port()) +
        " database=" + (database->kind() == Database::Kind::sqlite ? "sqlite" : "postgresql") +
        " sandbox=\"" + executor.sandbox() + "\" capacity=" + std::to_string(config.capacity));

    serveUntilTold(signals, {config, listener, reload}, manager, logger);

    manager.stopping();
    pulse.stop();
    logger.information("usherd ends; runs go on and are found again");
    schedules.stop();
    webhookSender.giveUp();
    scheduler.stopClaiming();
    listener.stopAccepting();
    listener.waitUntilDrained(std::chrono::seconds(3));
    triggers.stop();
    listener.stop();
    cluster.stopServing();
    retention.stop();
    webhooks.stop();
    scheduler.stop();
    cluster.leave();
    health.stop();
    pool.stop();
    feed.stop();
    timers.stop();
    bool clean = plugins.stop();
    audit.stop();
    if (!clean) {
        logger.warning("a plugin did not stop in time");
        std::cerr.flush();
        _exit(0); // threads of it still run: nothing may be taken down under them
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const sigset_t signals = blockSignals();
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }

    auto arguments = parseArguments(argc, argv);
    if (!arguments) return 2;
    ServiceManager manager;
    if (arguments->command == "--help") return std::cout << kUsage, 0;
    if (arguments->command == "--version") return std::cout << "usherd " USHER_VERSION "\n", 0;
    try {
        ConfigDefaults defaults = findDefaults();
        ConfigResult result = readWholeConfig(arguments->config, defaults, arguments->launcher);
        if (arguments->command == "check-config")
            for (std::string& problem : problemsOfPlugins(result.config))
                result.problems.push_back(std::move(problem));
        for (const std::string& problem : result.problems) std::cerr << problem << "\n";
        if (!result.problems.empty()) return 2;
        if (arguments->command == "check-config") {
            std::cout << result.config.file << ": good\n";
            return 0;
        }
        if (arguments->command == "migrate") return migrate(result.config);
        if (arguments->command == "setup-token") return newSetupToken(result.config);
        return run(std::move(result.config), defaults, signals, manager);
    } catch (const std::exception& error) {
        std::cerr << "usherd: " << oneLine(error.what(), 1000) << "\n";
        return 1;
    }
}
