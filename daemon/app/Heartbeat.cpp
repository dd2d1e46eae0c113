#include "app/Heartbeat.h"

#include "domain/Errors.h"

namespace usher {

namespace {

BootMillis millis(std::chrono::seconds seconds) {
    return BootMillis{seconds.count()} * 1000;
}

} // namespace

Heartbeat::Heartbeat(Settings settings, NodeStore& nodes, RunStore& runs, RunScheduler& scheduler,
                     const Clock& clock, Poco::Logger& logger, OnNodes onNodes)
    : _settings(std::move(settings)), _nodes(nodes), _runs(runs), _scheduler(scheduler), _clock(clock),
      _logger(logger), _onNodes(std::move(onNodes)), _watch(_settings.self.id) {}

void Heartbeat::start() {
    Node self = _settings.self;
    self.leaseSeconds = static_cast<int>(_settings.lease.count());
    const BootMillis began = _clock.bootTime();
    for (const Node& node : _nodes.listNodes())
        if (node.id == self.id && node.running > 0 && node.leaseSeconds > self.leaseSeconds &&
            node.bootId == self.bootId) {
            self.leaseSeconds = static_cast<int>(_settings.restartLease.count());
            _longUntil = began + millis(_settings.restartLease);
        }
    _nodes.registerNode(self);
    if (_settings.leases)
        _scheduler.leaseRenewed(began + millis(_settings.lease), _runs.heldBy(_settings.self.id));
    look();
    _thread = std::thread([this] { run(); });
}

bool Heartbeat::handOver() {
    if (!_settings.leases) return true;
    stop(); // no short beat after the long one
    try {
        beat(_settings.restartLease);
        return true;
    } catch (const std::exception& error) {
        _logger.warning("no lease for the time of a restart: " + std::string(error.what()) +
                        "; runs end if it takes longer than " + std::to_string(_settings.lease.count()) +
                        " s");
        return false;
    }
}

void Heartbeat::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

void Heartbeat::beat(std::chrono::seconds lease) {
    const BootMillis began = _clock.bootTime();
    const auto told = began < _longUntil ? std::max(lease, _settings.restartLease) : lease;
    _nodes.beat(_settings.self.id, _clock.now(), static_cast<int>(told.count()));
    if (_settings.leases) _scheduler.leaseRenewed(began + millis(lease), _runs.heldBy(_settings.self.id));
}

void Heartbeat::look() {
    const std::vector<Node> nodes = _nodes.listNodes();
    for (const Node& node : nodes)
        if (node.id == _settings.self.id) _scheduler.setDraining(node.draining);
    if (_onNodes) _onNodes(nodes);
    if (!_settings.leases) return;
    const std::vector<Node> lost = _watch.look(nodes, _clock.bootTime());
    for (const std::string& name : _watch.newlyLost())
        _logger.warning("node " + name + " is lost: it has stopped beating");
    for (const std::string& name : _watch.back()) _logger.information("node " + name + " is back");
    for (const Node& node : lost) {
        if (node.running == 0) continue;
        const std::string why = "node " + node.name + " was lost";
        for (auto taken = _runs.takeFrom(node.id, node.beats, why, _clock.now()); !taken.empty();
             taken = _runs.takeFrom(node.id, node.beats, why, _clock.now())) {
            for (const TakenRun& run : taken)
                _logger.warning("run " + run.runId.substr(0, 13) + " attempt=" + std::to_string(run.attempt) +
                                " " + std::string(toText(run.status)) + ": " + why);
            _scheduler.taken(taken);
        }
    }
}

void Heartbeat::run() {
    auto next = _clock.instant() + _settings.every;
    while (true) {
        {
            Lock lock(_mutex);
            const Instant until = _clock.instant() + std::chrono::seconds(1);
            while (!_stopping && _clock.instant() < until) _changed.waitUntil(lock, until);
            if (_stopping) return;
        }
        try {
            if (_clock.instant() >= next) {
                const Instant began = _clock.instant();
                beat(_settings.lease);
                next = began + _settings.every; // not before it worked
            }
            look();
            if (_away) _logger.information("beating again");
            _away = false;
        } catch (const std::exception& error) {
            if (!_away) _logger.warning("cannot beat: " + std::string(error.what()));
            _away = true;
        }
    }
}

} // namespace usher
