#include "ClusterWiring.h"

#include "StateFolder.h"
#include "base/Text.h"

#include <stdexcept>

namespace usher {

namespace {

/// Has another node on this database shown life in the last minute?
bool otherNodesAlive(const std::vector<Node>& nodes, const std::string& self, Micros now) {
    for (const Node& node : nodes)
        if (node.id != self && now - node.heartbeatAt < 60'000'000) return true;
    return false;
}

Heartbeat::Settings beatOf(const std::string& nodeId, const Config& config, bool leases, Micros now) {
    const std::string boot(trim(readFile("/proc/sys/kernel/random/boot_id", 100).value_or("")));
    return {.self = {nodeId, hostName(), boot, config.clusterAddress, now, now, false}, .leases = leases};
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

} // namespace

std::string readClusterSecret(const Config& config) {
    if (config.clusterSecretFile.empty()) return "";
    std::string secret(trim(readFile(config.clusterSecretFile, 4096).value_or("")));
    if (secret.size() < 32)
        throw std::runtime_error(config.clusterSecretFile + ": at least 32 characters, the same on all " +
                                 "nodes; for example: openssl rand -hex 32");
    return secret;
}

ClusterWiring::ClusterWiring(const Config& config, const std::string& nodeId, const std::string& secret,
                             Parts parts)
    : _address(config.clusterAddress), _shared(isShared(parts.database)),
      _files(parts.ownFiles, nodeId, secret, parts.database.runs(), parts.database.nodes(), parts.clock),
      _verifier(secret, nodeId, parts.clock), _door(parts.ownFiles, _verifier, Poco::Logger::get("cluster")),
      _farRuns(parts.feed, parts.database.runs(), nodeId),
      _heartbeat(beatOf(nodeId, config, _shared, parts.clock.now()), parts.database.nodes(),
                 parts.database.runs(), parts.scheduler, parts.clock, Poco::Logger::get("heartbeat"),
                 [gauge = &parts.gauge, clock = &parts.clock, nodeId](const std::vector<Node>& nodes) {
                     gauge->setShared(otherNodesAlive(nodes, nodeId, clock->now()));
                 }) {}

void ClusterWiring::start(std::function<void(const std::string&)> report) {
    if (!_address.empty()) {
        _listener = std::make_unique<Listener>(clusterListening(_address, std::move(report)), _door);
        _listener->start();
    }
    _heartbeat.start();
    if (_shared) _farRuns.start();
}

void ClusterWiring::stopServing() {
    _farRuns.stop();
    if (_listener) _listener->stop();
}

void ClusterWiring::leave() {
    _heartbeat.handOver();
    _heartbeat.stop();
}

} // namespace usher
