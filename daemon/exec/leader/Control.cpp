#include "exec/leader/Control.h"

#include "exec/Wire.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace usher {

Control::Control(UniqueFd first) {
    if (first) _connections.push_back(std::move(first));
}

bool Control::reachable() {
    if (_connections.empty() && !_listener) _listener = listenPackets("control.sock", 0600);
    return !_connections.empty() || _listener;
}

void Control::accept() {
    UniqueFd fd(::accept4(_listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd || _connections.size() >= 8) return;
    long uid = peerUid(fd.get());
    if (uid != 0 && uid != static_cast<long>(::geteuid())) return;
    if (!_greeting.is_null()) sendPacket(fd.get(), _greeting);
    _connections.push_back(std::move(fd));
}

void Control::tell(const Json& message) {
    for (UniqueFd& connection : _connections) sendPacket(connection.get(), message);
}

std::vector<Json> Control::receive(int connection) {
    std::vector<Json> operations;
    Packet packet;
    while (operations.size() < 100) {
        Received what = receivePacket(connection, packet);
        if (what == Received::nothing) break;
        if (what == Received::closed) {
            std::erase_if(_connections, [&](const UniqueFd& fd) { return fd.get() == connection; });
            break;
        }
        operations.push_back(std::move(packet.body));
    }
    return operations;
}

void Control::closeAll() {
    _connections.clear();
}

std::vector<int> Control::connections() const {
    std::vector<int> all;
    for (const UniqueFd& fd : _connections) all.push_back(fd.get());
    return all;
}

} // namespace usher
