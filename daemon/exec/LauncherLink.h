#pragma once

#include "base/Clock.h"
#include "base/UniqueFd.h"
#include "exec/Wire.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace usher {

struct ExecSettings;

/// Starts settings.launcherPath as a child with a connection to it. Throws std::runtime_error.
UniqueFd spawnLauncher(const ExecSettings& settings, pid_t& pid);

/// The daemon's connection to its launcher: made again with growing pauses when it breaks. Belongs to the
/// executor's loop.
class LauncherLink {
public:
    /// `settings` must outlive it; its connection is taken over when it has one.
    explicit LauncherLink(ExecSettings& settings);
    ~LauncherLink();

    /// Waits for the launcher's first words; throws std::runtime_error when it cannot serve us.
    void open();
    int descriptor() const { return _connection.get(); }
    /// Greeted, and without a complaint.
    bool ready() const { return _connection && _greeted && _problem.empty(); }
    /// The last one that greeted cannot serve us, and said why.
    bool complains() const { return _complained; }
    /// Not ready, and not for a moment only: it complains, or three tries to reach it have failed.
    bool isDown() const { return !ready() && (_complained || _failures >= 3); }
    /// Why not; for a run that waited too long.
    std::string problem() const;
    const std::string& sandbox() const { return _sandbox; }
    /// Counts up whenever what was asked for before may have been forgotten: a new launcher, or a new worker
    /// of it.
    int generation() const { return _generation; }

    /// `parallelism`: tests that may be in flight at once, each under a uid of its own.
    bool request(const std::string& runId, int attempt, int parallelism, int control);
    /// The next answer; nothing when none waits. A lost connection shows in descriptor() < 0.
    std::optional<Json> receive();
    /// Tries to connect again when it is time.
    void tick(Instant now);
    /// When tick() wants to be called; nothing while connected.
    std::optional<Instant> nextTick() const;

private:
    void connect();
    void lost(const std::string& why);
    void onHello(const Json& hello);

    ExecSettings& _settings;
    UniqueFd _connection;
    pid_t _pid = -1;
    bool _greeted = false;
    std::string _problem;
    bool _complained = false;
    std::string _sandbox;
    int _generation = 0;
    int _failures = 0;
    std::optional<Instant> _retryAt;
};

} // namespace usher
