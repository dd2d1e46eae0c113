#include "exec/RunHandover.h"

#include "exec/Files.h"
#include "exec/RunSpec.h"
#include "exec/Wire.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace usher {

bool sendRun(int connection, const ClaimedRun& run) {
    UniqueFd memory(::memfd_create("usher", MFD_CLOEXEC));
    return memory && writeAll(memory.get(), toRunJson(run)) &&
           sendPacket(connection, {{"op", "run"}}, {memory.get()});
}

ClaimedRun receiveRun(int connection, std::chrono::milliseconds patience) {
    pollfd waiting{connection, POLLIN, 0};
    while (::poll(&waiting, 1, static_cast<int>(patience.count())) < 0)
        if (errno != EINTR) break;
    Packet packet;
    if (receivePacket(connection, packet) != Received::packet || packet.body.value("op", "") != "run" ||
        packet.descriptors.size() != 1)
        throw std::runtime_error("what is to be run was not handed over");
    std::string text;
    std::array<char, 16384> block;
    for (ssize_t n; (n = ::pread(packet.descriptors[0].get(), block.data(), block.size(),
                                 static_cast<off_t>(text.size()))) > 0;)
        text.append(block.data(), static_cast<std::size_t>(n));
    return runFromJson(text);
}

} // namespace usher
