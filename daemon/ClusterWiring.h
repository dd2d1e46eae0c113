#pragma once

#include "app/FarRuns.h"
#include "app/Heartbeat.h"
#include "app/QueueGauge.h"
#include "app/RunScheduler.h"
#include "config/Config.h"
#include "http/ClusterDoor.h"
#include "http/ClusterFiles.h"
#include "http/Listener.h"
#include "storage/Database.h"

#include <functional>
#include <memory>
#include <string>

namespace usher {

/// `[cluster] secret_file`; empty without one. Throws std::runtime_error for a secret that is too short.
std::string readClusterSecret(const Config& config);

/// Several nodes may share a PostgreSQL database; one SQLite file has one node: nobody could take anything
/// from it, and there are no leases.
inline bool isShared(Database& database) {
    return database.kind() == Database::Kind::postgres;
}

/// Part of the composition root: this node among others. Its beat and the leases that hang on it, the news
/// of runs that are led elsewhere, the files of runs wherever they lie, and the door at which other nodes
/// ask for ours. What it is made of outlives it. [main], but for files(), which any thread may read.
class ClusterWiring {
public:
    struct Parts {
        Database& database;
        RunFiles& ownFiles;
        RunFeed& feed;
        RunScheduler& scheduler;
        QueueGauge& gauge;
        const Clock& clock;
    };
    ClusterWiring(const Config& config, const std::string& nodeId, const std::string& secret, Parts parts);

    /// Of all runs, ours and others'.
    RunFiles& files() { return _files; }

    /// Opens the door for other nodes, when there is a `[cluster] address`, then registers this node. Throws
    /// what Listener and Heartbeat throw. `report`: what a human should read of the door.
    void start(std::function<void(const std::string&)> report);
    /// Looks at no other node's runs, answers no other node any more.
    void stopServing();
    /// After the scheduler's end: one last beat, with a lease that outlasts a restart.
    void leave();

private:
    const std::string _address;
    const bool _shared;
    ClusterFiles _files;
    ClusterVerifier _verifier;
    ClusterDoor _door;
    FarRuns _farRuns;
    Heartbeat _heartbeat;
    std::unique_ptr<Listener> _listener;
};

} // namespace usher
