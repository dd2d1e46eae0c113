#include "exec/leader/ForkServer.h"

#include "exec/Cgroup.h"
#include "exec/Wire.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace usher {

ForkServer::ForkServer(UniqueFd launcher, std::string runsDir, char* title, std::size_t titleSize)
    : _launcher(std::move(launcher)), _runsDir(std::move(runsDir)), _title(title), _titleSize(titleSize) {}

std::optional<Birth> ForkServer::serve() {
    while (true) {
        Packet order;
        switch (receivePacket(_launcher.get(), order)) {
        case Received::closed:
            return std::nullopt;
        case Received::packet:
            if (auto birth = bear(std::move(order))) return birth;
            break;
        case Received::nothing:
            pollfd launcher{_launcher.get(), POLLIN, 0};
            if (::poll(&launcher, 1, -1) < 0 && errno != EINTR) return std::nullopt;
        }
    }
}

std::optional<Birth> ForkServer::bear(Packet packet) {
    Birth birth;
    birth.order = orderFromJson(packet.body);
    UniqueFd* const expected[] = {&birth.folder,
                                  packet.body.value("control", false) ? &birth.control : nullptr,
                                  packet.body.value("claim", false) ? &birth.claim : nullptr};
    std::size_t taken = 0;
    for (UniqueFd* one : expected)
        if (one && taken < packet.descriptors.size()) *one = std::move(packet.descriptors[taken++]);

    const Cgroup group(birth.order.cgroup);
    const pid_t child = forkInto(group ? group.child("leader") : group, nullptr, nullptr, Kin::sibling);
    if (child != 0) {
        sendPacket(_launcher.get(), child > 0 ? Json{{"pid", child}} : Json{{"errno", errno}});
        return std::nullopt;
    }
    _launcher.reset();
    ::setsid();
    writeTitle(birth.order);
    return birth;
}

void ForkServer::writeTitle(const LeaderOrder& order) {
    std::string title = titleOf(order, _runsDir);
    title.resize(_titleSize, '\0');
    std::memcpy(_title, title.data(), _titleSize);
}

} // namespace usher
