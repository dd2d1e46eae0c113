#include "exec/HelperLink.h"

#include "exec/LeaderProcess.h"
#include "exec/Wire.h"

#include <poll.h>

#include <chrono>
#include <csignal>

namespace usher {

using namespace std::chrono_literals;

HelperLink::HelperLink(const ExecSettings& settings) : _path(settings.launcherSocket) {
    if (!_path.empty()) {
        connect();
    } else if (settings.launcher) {
        auto [ours, theirs] = packetPair();
        if (sendPacket(settings.launcher.get(), {{"op", "connect"}}, {theirs.get()}))
            _connection = std::move(ours);
    }
}

bool HelperLink::connect() {
    if (!_connection && !_path.empty()) _connection = connectPackets(_path);
    return static_cast<bool>(_connection);
}

std::optional<pid_t> HelperLink::start(const std::string& plugin, bool network, bool ownUser, int socket,
                                       int file, std::string& why) {
    why = "usher-launcher does not answer";
    const Json order = {{"op", "plugin"}, {"name", plugin}, {"network", network}, {"ownUser", ownUser}};
    for (int attempt = 0; attempt < 2; ++attempt) { // a connection may have died since the last time
        if (!connect()) return std::nullopt;
        const auto until = std::chrono::steady_clock::now() + 2s;
        bool alive = sendPacket(_connection.get(), order, {socket, file});
        while (alive && std::chrono::steady_clock::now() < until) {
            pollfd waited{_connection.get(), POLLIN, 0};
            ::poll(&waited, 1, 100);
            Packet packet;
            const Received what = receivePacket(_connection.get(), packet);
            if (what == Received::nothing) continue;
            if (what == Received::closed) {
                alive = false;
                break;
            }
            const std::string op = packet.body.value("op", "");
            if (op == "plugin-started") return packet.body.value("pid", -1);
            if (op == "plugin-refused") {
                why = packet.body.value("why", "");
                return std::nullopt;
            }
        }
        _connection.reset(); // also after silence: a late answer must not be taken for the next one's
        if (alive) break;
    }
    return std::nullopt;
}

void HelperLink::end(pid_t pid) {
    if (pid <= 0) return;
    if (_connection) sendPacket(_connection.get(), {{"op", "plugin-end"}, {"pid", pid}});
}

} // namespace usher
