#pragma once

#include "exec/LeaderOrder.h"

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <string>

namespace usher {

/// Where new leaders come from: a process of usher-leader (leader/ForkServer.h), started when the first is
/// wanted, and again when it has died or the program was replaced, as by an upgrade. Belongs to the
/// launcher's loop.
class LeaderSource {
public:
    LeaderSource(std::string program, const ExecConfig& config);

    /// A new leader's pid, a child of ours; -1 with errno. EPIPE: the source died on the way, and there may
    /// be a child that nobody knows. Waits for the answer, a few seconds at most. `control` and `claim` may
    /// be -1.
    pid_t start(const LeaderOrder& order, int folder, int control, int claim);
    bool owns(pid_t pid) const { return pid == _server; }
    /// Starts the process ahead, so that the first run need not wait for it.
    void prepare();

private:
    /// Which file a program is, as long as nobody replaces it.
    struct Version {
        dev_t device = 0;
        ino_t number = 0;
        timespec written{};
    };
    static bool same(const Version& a, const Version& b);

    /// False with errno.
    bool ready();
    void end();

    const std::string _program;
    const ExecConfig& _config;
    UniqueFd _connection;
    pid_t _server = -1;
    Version _version;
};

} // namespace usher
