#pragma once

#include "base/Text.h"
#include "base/UniqueFd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>

namespace usher::test {

/// One answer as it was read.
struct RawAnswer {
    int status = 0; ///< 0: the connection ended, or nothing came in time
    std::string head;
    std::string body;
    bool whole = false; ///< the body ended as its framing says

    std::string field(const std::string& name) const {
        std::size_t at = head.find("\r\n");
        while (at != head.npos && at + 2 < head.size()) {
            const std::size_t end = head.find("\r\n", at + 2);
            const std::string line = head.substr(at + 2, end - at - 2);
            const std::size_t colon = line.find(':');
            if (colon != line.npos && equalsIgnoreCase(line.substr(0, colon), name))
                return std::string(trim(line.substr(colon + 1)));
            at = end;
        }
        return {};
    }
};

/// A client that sends exactly the bytes that it is told to. Waits at most a few seconds for anything.
class RawClient {
public:
    explicit RawClient(int port, int receiveBuffer = 0)
        : _fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receiveBuffer > 0)
            ::setsockopt(_fd.get(), SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect");
        const int on = 1;
        ::setsockopt(_fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }

    int fd() const { return _fd.get(); }
    /// False when the server has closed. What it refuses early, it need not read to the end.
    bool send(const std::string& bytes) {
        for (std::size_t at = 0; at < bytes.size();) {
            const ssize_t sent = ::send(_fd.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
            if (sent < 0) return false;
            at += static_cast<std::size_t>(sent);
        }
        return true;
    }
    void endSending() { ::shutdown(_fd.get(), SHUT_WR); }
    /// Leaves with a reset, so that the server cannot think that only one side has ended.
    void reset() {
        const ::linger abrupt{1, 0};
        ::setsockopt(_fd.get(), SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
        _fd.reset();
    }
    void close() { _fd.reset(); }

    /// The next answer; of a HEAD request only the head. 100 is an answer of its own.
    RawAnswer read(bool headOnly = false) {
        RawAnswer answer;
        std::size_t end = 0;
        while ((end = _received.find("\r\n\r\n")) == _received.npos)
            if (!more()) return answer;
        answer.head = _received.substr(0, end + 2);
        _received.erase(0, end + 4);
        answer.status = std::stoi(answer.head.substr(9, 3));
        if (headOnly || answer.status == 100 || answer.status == 204 || answer.status == 304) {
            answer.whole = true;
        } else if (answer.field("Transfer-Encoding") == "chunked") {
            readChunks(answer);
        } else if (const std::string length = answer.field("Content-Length"); !length.empty()) {
            const std::size_t size = std::stoul(length);
            while (_received.size() < size)
                if (!more()) break;
            answer.whole = _received.size() >= size;
            answer.body = _received.substr(0, size);
            _received.erase(0, size);
        } else {
            while (more()) {
            }
            answer.whole = _ended;
            answer.body = std::exchange(_received, {});
        }
        return answer;
    }
    /// Everything up to the end of the connection.
    std::string readAll() {
        while (more()) {
        }
        return std::exchange(_received, {});
    }
    /// Waits for the server to close; false when it does not, or sends something first.
    bool isClosed() {
        while (more()) {
        }
        return _ended && _received.empty();
    }
    /// Bytes have come, or come within `patience`.
    bool hasMore(std::chrono::milliseconds patience) {
        pollfd waiting{_fd.get(), POLLIN, 0};
        return !_received.empty() || ::poll(&waiting, 1, static_cast<int>(patience.count())) > 0;
    }

private:
    bool more() {
        if (_ended) return false;
        pollfd waiting{_fd.get(), POLLIN, 0};
        if (::poll(&waiting, 1, 10'000) <= 0) return false;
        char buffer[16384];
        const ssize_t got = ::recv(_fd.get(), buffer, sizeof buffer, 0);
        if (got <= 0) {
            _ended = true;
            return false;
        }
        _received.append(buffer, static_cast<std::size_t>(got));
        return true;
    }
    void readChunks(RawAnswer& answer) {
        for (;;) {
            std::size_t end = 0;
            while ((end = _received.find("\r\n")) == _received.npos)
                if (!more()) return;
            const std::size_t size = std::stoul(_received.substr(0, end), nullptr, 16);
            while (_received.size() < end + 2 + size + 2)
                if (!more()) return;
            answer.body += _received.substr(end + 2, size);
            _received.erase(0, end + 2 + size + 2);
            if (size == 0) {
                answer.whole = true;
                return;
            }
        }
    }

    UniqueFd _fd;
    std::string _received;
    bool _ended = false;
};

} // namespace usher::test
