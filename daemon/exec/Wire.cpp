#include "exec/Wire.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace usher {

namespace {

constexpr std::size_t kMaxPacket = 16384;
constexpr std::size_t kMaxDescriptors = 4;

bool fill(sockaddr_un& address, const std::string& path) {
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return true;
}

const sockaddr* plain(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

} // namespace

bool sendPacket(int socket, const Json& body, std::initializer_list<int> descriptors) {
    std::string text = toText(body);
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptors.size() > 0) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
        std::memcpy(CMSG_DATA(head), descriptors.begin(), sizeof(int) * descriptors.size());
    }
    ssize_t sent;
    do sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(text.size());
}

Received receivePacket(int socket, Packet& packet) {
    std::array<char, kMaxPacket> buffer;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got;
    // Who closes without having read all of ours makes ECONNRESET, which the kernel tells once and before the
    // packets that are still here: they come after it.
    bool reset = false;
    do got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !std::exchange(reset, true))));
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Received::nothing : Received::closed;

    packet.descriptors.clear();
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd;
            std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
            packet.descriptors.emplace_back(fd);
        }
    }
    if (got == 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return Received::closed;
    auto parsed = parseJson({buffer.data(), static_cast<std::size_t>(got)});
    Json* body = std::get_if<Json>(&parsed);
    if (!body || !body->is_object()) return Received::closed;
    packet.body = std::move(*body);
    return Received::packet;
}

std::pair<UniqueFd, UniqueFd> packetPair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd connectPackets(const std::string& path) {
    sockaddr_un address{};
    if (!fill(address, path)) return {};
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    // A full backlog must not block the caller: it tries again.
    timeval limit{1, 0};
    if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (fd && ::connect(fd.get(), plain(address), sizeof address) != 0) {
        int why = errno;
        fd.reset();
        errno = why;
    }
    return fd;
}

UniqueFd listenPackets(const std::string& path, unsigned mode) {
    sockaddr_un address{};
    if (!fill(address, path)) return {};
    if (connectPackets(path)) {
        errno = EADDRINUSE;
        return {};
    }
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) ::unlink(path.c_str());
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::bind(fd.get(), plain(address), sizeof address) != 0 || ::chmod(path.c_str(), mode) != 0 ||
        ::listen(fd.get(), 16) != 0) {
        int why = errno;
        fd.reset();
        errno = why;
    }
    return fd;
}

long peerUid(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    return static_cast<long>(peer.uid);
}

} // namespace usher
