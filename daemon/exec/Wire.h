#pragma once

#include "base/Json.h"
#include "base/UniqueFd.h"

#include <initializer_list>
#include <string>
#include <vector>

namespace usher {

// How daemon, launcher and leaders talk: one JSON object per packet of a SOCK_SEQPACKET connection, at most
// 16 KiB, descriptors beside it. Packets are hints and requests; what must not be lost stands in files.

struct Packet {
    Json body;
    std::vector<UniqueFd> descriptors;
};

enum class Received {
    packet,
    nothing, ///< no packet is waiting
    closed   ///< the other side is gone, or sent what is not ours to read
};

/// Never blocks. False when the other side is gone or does not read.
bool sendPacket(int socket, const Json& body, std::initializer_list<int> descriptors = {});
/// Never blocks; received descriptors are close-on-exec.
Received receivePacket(int socket, Packet& packet);

/// A connected pair, close-on-exec. Throws std::system_error.
std::pair<UniqueFd, UniqueFd> packetPair();
/// Connects to a path of at most 107 bytes; empty with errno on failure.
UniqueFd connectPackets(const std::string& path);
/// Listens on a path (mode 0600 when `mode` says so), replacing a socket that nobody listens on. Empty with
/// errno.
UniqueFd listenPackets(const std::string& path, unsigned mode);
/// The user id at the other end; -1 when it is not known.
long peerUid(int socket);

} // namespace usher
