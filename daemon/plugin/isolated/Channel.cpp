#include "plugin/isolated/Channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace usher {

namespace {

constexpr std::size_t kMaxWaiting = 2 * kMaxFrame;
constexpr std::size_t kChunk = 64 * 1024;

} // namespace

Channel::Channel(UniqueFd socket) : _socket(std::move(socket)), _buffer(kChunk, '\0') {
    const int room = 1 << 20;
    ::setsockopt(_socket.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

bool Channel::send(std::string frame) {
    Lock lock(_mutex);
    if (!_waiting.empty()) {
        if (_waiting.size() + frame.size() > kMaxWaiting) return false;
        _waiting += frame;
        return true;
    }
    _waiting = std::move(frame);
    return flushLocked();
}

bool Channel::sendWaiting(std::string frame) {
    Lock lock(_mutex);
    _waiting += frame;
    while (flushLocked()) {
        if (_waiting.empty()) return true;
        // Others wait for the lock meanwhile: the order of frames is the order of calls.
        pollfd writable{_socket.get(), POLLOUT, 0};
        ::poll(&writable, 1, 1000);
    }
    return false;
}

bool Channel::flushLocked() {
    std::size_t sent = 0;
    bool alive = true;
    while (sent < _waiting.size()) {
        const ssize_t n = ::send(_socket.get(), _waiting.data() + sent, _waiting.size() - sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            alive = errno == EAGAIN || errno == EWOULDBLOCK;
            break;
        }
        sent += static_cast<std::size_t>(n);
    }
    _waiting.erase(0, sent);
    return alive;
}

bool Channel::backlog() {
    Lock lock(_mutex);
    return !_waiting.empty();
}

bool Channel::flush() {
    Lock lock(_mutex);
    return flushLocked();
}

bool Channel::receive(const std::function<void(FrameReader&)>& use, bool wait) {
    while (true) {
        const ssize_t n = ::recv(_socket.get(), _buffer.data(), kChunk, wait ? 0 : MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        if (n == 0) return false;
        wait = false;
        _received.append(_buffer, 0, static_cast<std::size_t>(n));
        while (_received.size() - _at >= sizeof(std::uint32_t)) {
            std::uint32_t size = 0;
            std::memcpy(&size, _received.data() + _at, sizeof size);
            if (size == 0 || size > kMaxFrame) return false;
            if (_received.size() - _at - sizeof size < size) break;
            FrameReader frame(std::string_view(_received).substr(_at + sizeof size, size));
            _at += sizeof size + size;
            use(frame);
        }
        _received.erase(0, _at);
        _at = 0;
        if (static_cast<std::size_t>(n) < kChunk) return true; // it is empty now, or soon polled again
    }
}

void Channel::close() {
    ::shutdown(_socket.get(), SHUT_RDWR);
}

} // namespace usher
