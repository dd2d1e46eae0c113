// The composition root: the only file that names every concrete class. Parts are made in order and go in
// reverse.
#include "HelperWiring.h"
#include "PluginPages.h"
#include "PluginWiring.h"
#include "SetupTokenCommand.h"
#include "StateFolder.h"
#include "app/AuthChain.h"
#include "app/FarRuns.h"
#include "app/GuessThrottle.h"
#include "app/Heartbeat.h"
#include "app/QueueGauge.h"
#include "app/RunFeed.h"
#include "app/RunScheduler.h"
#include "app/Timers.h"
#include "app/TriggerJob.h"
#include "base/ServiceManager.h"
#include "base/Text.h"
#include "base/Uuid.h"
#include "config/Config.h"
#include "config/KeyFile.h"
#include "exec/LeaderProcess.h"
#include "exec/Privileges.h"
#include "exec/RunFolder.h"
#include "http/ClusterDoor.h"
#include "http/ClusterFiles.h"
#include "http/Listener.h"
#include "http/Router.h"
#include "http/endpoints/Endpoints.h"
#include "http/endpoints/Explain.h"
#include "observe/AuditLog.h"
#include "observe/Health.h"
#include "observe/Metrics.h"
#include "observe/Pulse.h"
#include "plugin/PluginHost.h"
#include "plugin/isolated/SpawnedHelpers.h"
#include "storage/Database.h"

#include <Poco/ConsoleChannel.h>
#include <Poco/FormattingChannel.h>
#include <Poco/Logger.h>
#include <Poco/PatternFormatter.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#ifndef USHER_VERSION
#define USHER_VERSION "0"
#endif

using namespace usher;

namespace {

constexpr const char* kUsage = R"(usherd: runs jobs for whoever a plugin lets in.

  usherd --config FILE          run in the foreground, log to stderr
  usherd --config FILE --check-config
                                name every mistake in the configuration, start nothing
  usherd --config FILE migrate  show and apply the database's pending migrations, then end
  usherd --config FILE setup-token
                                while there are no users: make a new one-time token for the first
                                admin, for the old one is lost
  usherd --version | --help

Without --config: /etc/usher/usherd.conf. --launcher PATH stands for [exec] launcher (the service
unit names the socket of usher-launcher.service with it). SIGTERM ends it (runs go on by themselves and are
found again), SIGHUP reads the TLS certificate and the plugins' configuration again.
)";

struct Arguments {
    std::string config = "/etc/usher/usherd.conf";
    std::string launcher; ///< in place of [exec] launcher
    std::string command;  ///< run, check-config, migrate, setup-token
};

std::optional<Arguments> parseArguments(int argc, char** argv) {
    Arguments arguments;
    arguments.command = "run";
    for (int i = 1; i < argc; ++i) {
        std::string word = argv[i];
        if (word == "--config" && i + 1 < argc)
            arguments.config = argv[++i];
        else if (word.starts_with("--config="))
            arguments.config = word.substr(9);
        else if (word == "--launcher" && i + 1 < argc)
            arguments.launcher = argv[++i];
        else if (word == "--check-config" || word == "check-config")
            arguments.command = "check-config";
        else if (word == "migrate" || word == "setup-token" || word == "--version" || word == "--help")
            arguments.command = word;
        else {
            std::cerr << "usherd: unknown argument " << oneLine(word, 80) << "; see usherd --help\n";
            return std::nullopt;
        }
    }
    return arguments;
}

void setUpLogging(const std::string& level) {
    Poco::AutoPtr<Poco::Formatter> formatter(new Poco::PatternFormatter("%Y-%m-%dT%H:%M:%S.%iZ %p %s: %t"));
    Poco::AutoPtr<Poco::Channel> console(new Poco::ConsoleChannel(std::cerr));
    Poco::AutoPtr<Poco::Channel> channel(new Poco::FormattingChannel(formatter, console));
    Poco::Logger::root().setChannel(channel);
    Poco::Logger::root().setLevel(level);
}

/// Has another node on this database shown life in the last minute?
bool otherNodesAlive(const std::vector<Node>& nodes, const std::string& self, Micros now) {
    for (const Node& node : nodes)
        if (node.id != self && now - node.heartbeatAt < 60'000'000) return true;
    return false;
}

std::string passwordOf(const Config& config) {
    if (config.databasePasswordFile.empty()) return "";
    return std::string(trim(readFile(config.databasePasswordFile, 4096).value_or("")));
}

std::string hostName() {
    char name[256] = "";
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

/// For the other nodes: few connections, small requests.
ListenerSettings clusterListening(const std::string& address,
                                  std::function<void(const std::string&)> report) {
    ListenerSettings settings;
    const std::size_t colon = address.rfind(':');
    settings.address = address.substr(0, colon);
    if (settings.address.starts_with('[')) settings.address = address.substr(1, colon - 2);
    settings.port = static_cast<int>(parseInteger(address.substr(colon + 1)).value_or(0));
    settings.maxConnections = 1000;
    settings.maxHead = 8u << 10;
    settings.workers = 4;
    settings.report = std::move(report);
    return settings;
}

void applyMigrations(Migrator& migrator, Poco::Logger& logger) {
    for (const auto& step : migrator.apply())
        logger.information("database: migration " + std::to_string(step.version) + " " + step.name +
                           " applied");
}

/// Waits for SIGTERM or SIGINT; SIGHUP reloads.
void serveUntilTold(const sigset_t& signals, const Config& config, const ConfigDefaults& defaults,
                    const std::string& password, Listener& listener, PluginHost& plugins,
                    ServiceManager& manager, Poco::Logger& logger) {
    while (true) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (signal != SIGHUP) return;
        manager.reloading();
        try {
            if (!config.tlsCertificate.empty()) listener.reloadTls();
            ConfigResult fresh = readConfig(config.file, defaults);
            for (const std::string& problem : fresh.problems) logger.error("not reloaded: " + problem);
            if (fresh.problems.empty()) {
                for (const PluginSection& section : fresh.config.plugins)
                    if (plugins.find(section.name)) plugins.reload(settingsOf(config, section, password));
                logger.information("reloaded");
            }
        } catch (const std::exception& error) {
            logger.error("not reloaded, everything goes on as before: " + std::string(error.what()));
        }
        manager.ready();
    }
}

int run(Config config, const ConfigDefaults& defaults, const sigset_t& signals, ServiceManager& manager) {
    // Privileges first, while there is one thread: the launcher keeps what little is needed, we keep nothing.
    StateFolder::create(config.stateDir);
    ExecSettings exec;
    exec.runsDir = config.stateDir + "/runs";
    exec.configFile = config.file;
    (config.launcherIsSocket ? exec.launcherSocket : exec.launcherPath) = config.launcher;
    exec.leaderPath = config.leader;
    exec.sandbox = config.sandbox;
    const std::string password = passwordOf(config);
    std::string clusterSecret;
    if (!config.clusterSecretFile.empty()) {
        clusterSecret = std::string(trim(readFile(config.clusterSecretFile, 4096).value_or("")));
        if (clusterSecret.size() < 32)
            throw std::runtime_error(config.clusterSecretFile + ": at least 32 characters, the same on all " +
                                     "nodes; for example: openssl rand -hex 32");
    }
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
    applyMigrations(database->migrator(), logger);
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
    // One SQLite file has one node: nobody could take anything from it.
    const bool shared = database->kind() == Database::Kind::postgres;
    RunScheduler scheduler({.nodeId = exec.nodeId, .capacity = config.capacity, .leases = shared},
                           database->runs(), feed, gauge, clock, Poco::Logger::get("scheduler"));
    RunFolder ownFiles(exec.runsDir);
    std::string nodeId = exec.nodeId;
    ClusterFiles files(ownFiles, nodeId, clusterSecret, database->runs(), database->nodes(), clock);
    ClusterVerifier verifier(clusterSecret, nodeId, clock);
    ClusterDoor clusterDoor(ownFiles, verifier, Poco::Logger::get("cluster"));
    FarRuns farRuns(feed, database->runs(), nodeId);
    Retention retention({config.keepDays, config.keepRuns}, nodeId, database->retention(), ownFiles, clock,
                        Poco::Logger::get("retention"));
    LeaderProcess executor(std::move(exec), scheduler, clock);
    TriggerJob triggers(trigger, database->triggers(), gauge, clock, Poco::Logger::get("trigger"),
                        [&scheduler] { scheduler.wake(); });

    std::string boot(trim(readFile("/proc/sys/kernel/random/boot_id", 100).value_or("")));
    const Node self{nodeId, hostName(), boot, config.clusterAddress, clock.now(), clock.now(), false};
    Heartbeat heartbeat({.self = self, .leases = shared}, database->nodes(), database->runs(), scheduler,
                        clock, Poco::Logger::get("heartbeat"), [&](const std::vector<Node>& nodes) {
                            gauge.setShared(otherNodesAlive(nodes, nodeId, clock.now()));
                        });

    Health health;
    health.add("database", [&]() -> std::string {
        try {
            database->nodes().ping(clock.instant() + std::chrono::milliseconds(1000));
            return "";
        } catch (const std::exception&) {
            return "the database does not answer";
        }
    });
    health.add("plugins", [&plugins]() -> std::string {
        std::string problems;
        for (const PluginStatus& status : plugins.status()) {
            if (!status.healthy) problems += status.name + ": " + status.reason + "; ";
            if (status.differsFromDisk)
                problems += status.name + ": another version is on disk, restart to load it; ";
        }
        return problems;
    });
    health.add("runner",
               [&executor]() -> std::string { return executor.sandbox().empty() ? "no launcher" : ""; });

    Metrics metrics;
    metrics.addSource([&] { return samplesOf(plugins, health, audit, shadow.get()); });

    GuessThrottle throttle(config.throttleExempt);
    Gate gate({config.trustedProxies, config.publicUrl, config.port}, trigger, runs, manage, throttle, timers,
              audit, Poco::Logger::get("gate"));
    BlockingPool pool(16, 2000);
    Router router(gate, pool, timers, Poco::Logger::get("http"));
    Services services{database->jobs(),
                      database->runs(),
                      database->nodes(),
                      files,
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
                      retention,
                      config.testTypes};
    addTriggerRoutes(router, services);
    addTriggerGuideRoutes(router, services);
    addJobRoutes(router, services);
    addTestRoutes(router, services);
    addSecretRoutes(router, services);
    addRunRoutes(router, services);
    addPruneRoute(router, services);
    addRunLogRoutes(router, services);
    addRunEventRoutes(router, services);
    addArtifactRoutes(router, services);
    addAuditRoutes(router, services);
    addOperationRoutes(router, services);
    addNodeRoutes(router, services);
    addMetricsRoute(router, services);
    addExplainRoute(router, services, {trigger, runs, manage});
    addPluginListRoute(router, plugins, config);
    addPluginRoutes(router, plugins);
    OpenApiDocument description;
    describePlugins(description, plugins);
    addOpenApiRoute(router, description);
    for (const std::string& line : description.differencesTo(router.listRoutes()))
        Poco::Logger::get("http").warning("openapi.json: " + line);

    ListenerSettings listening;
    listening.address = config.address;
    listening.port = config.port;
    if (auto inherited = manager.takeListener()) listening.listenFd = inherited->release();
    listening.maxConnections = config.maxConnections;
    listening.tlsCertificateFile = config.tlsCertificate;
    listening.tlsKeyFile = config.tlsKey;
    listening.report = [&](const std::string& line) { Poco::Logger::get("http").warning(line); };
    Listener listener(listening, router);

    std::unique_ptr<Listener> clusterListener;
    if (!config.clusterAddress.empty()) {
        clusterListener = std::make_unique<Listener>(
            clusterListening(config.clusterAddress, listening.report), clusterDoor);
        clusterListener->start();
    }
    heartbeat.start();
    if (shared) farRuns.start();
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
    manager.ready();
    logger.information(
        "usherd " USHER_VERSION " listens on " +
        (listening.listenFd ? std::string("the service manager's socket, port ") : config.address + ":") +
        std::to_string(listener.port()) +
        " database=" + (database->kind() == Database::Kind::sqlite ? "sqlite" : "postgresql") +
        " sandbox=\"" + executor.sandbox() + "\" capacity=" + std::to_string(config.capacity));

    serveUntilTold(signals, config, defaults, password, listener, plugins, manager, logger);

    manager.stopping();
    pulse.stop();
    logger.information("usherd ends; runs go on and are found again");
    scheduler.setDraining(true);
    listener.stopAccepting();
    listener.waitUntilDrained(std::chrono::seconds(3));
    triggers.stop();
    listener.stop();
    farRuns.stop();
    if (clusterListener) clusterListener->stop();
    retention.stop();
    scheduler.stop();
    heartbeat.handOver();
    heartbeat.stop();
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

/// Shows what is pending and applies it: the daemon's own steps, then each plugin's, which it takes when it
/// starts.
int migrate(const Config& config) {
    StateFolder::create(config.stateDir);
    const std::string password = passwordOf(config);
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
    const std::string password = passwordOf(config);
    dropPrivileges(config.stateDir);
    auto database = Database::open({config.databaseUrl, password, 4});
    if (!database->migrator().pending().empty())
        throw std::runtime_error(
            "the database is not prepared yet: start usherd once, it makes the token itself");
    std::cout << "a new setup token is in " << replaceSetupToken(config, database->nodes(), hostName())
              << "\n";
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    // Before any thread: Poco threads block signals of their own, and what we start inherits the mask.
    sigset_t signals;
    sigemptyset(&signals);
    for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
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
        ConfigResult result = readConfig(arguments->config, defaults, arguments->launcher);
        for (const std::string& problem : result.problems) std::cerr << problem << "\n";
        if (!result.problems.empty()) return 2;
        if (arguments->command == "check-config") {
            auto problems = problemsOfPlugins(result.config);
            for (const std::string& problem : problems) std::cerr << problem << "\n";
            if (!problems.empty()) return 2;
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
