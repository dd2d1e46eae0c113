#include "Receiver.h"

#include "base/Text.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace usher::test {

Receiver::Receiver() {
    _listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(_listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(_listener, 64) != 0 ||
        ::getsockname(_listener, reinterpret_cast<sockaddr*>(&at), &size) != 0)
        throw std::runtime_error("no port for the receiver");
    _port = ntohs(at.sin_port);
    _thread = std::thread([this] { run(); });
}

Receiver::~Receiver() {
    _stop = true;
    _thread.join();
    ::close(_listener);
}

std::vector<Receiver::Message> Receiver::messages() const {
    std::lock_guard lock(_mutex);
    return _messages;
}

std::vector<Receiver::Message> Receiver::await(std::size_t count, int seconds) const {
    for (int i = 0; i < seconds * 50 && messages().size() < count; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return messages();
}

void Receiver::run() {
    while (!_stop) {
        pollfd one{_listener, POLLIN, 0};
        if (::poll(&one, 1, 50) <= 0) continue;
        const int fd = ::accept4(_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        serve(fd);
        ::close(fd);
    }
}

void Receiver::serve(int fd) {
    std::string bytes;
    std::size_t head = std::string::npos, length = 0;
    Message message;
    while (!_stop && (head == std::string::npos || bytes.size() < head + 4 + length)) {
        pollfd one{fd, POLLIN, 0};
        if (::poll(&one, 1, 50) <= 0) continue;
        char buffer[4096];
        const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0) return;
        bytes.append(buffer, static_cast<std::size_t>(got));
        if (head != std::string::npos || (head = bytes.find("\r\n\r\n")) == std::string::npos) continue;
        const std::vector<std::string> lines = split(bytes.substr(0, head), '\n');
        message.line = std::string(trim(lines[0]));
        for (std::size_t i = 1; i < lines.size(); ++i) {
            const std::size_t colon = lines[i].find(':');
            message.fields[toLower(lines[i].substr(0, colon))] =
                std::string(trim(lines[i].substr(colon + 1)));
        }
        length = static_cast<std::size_t>(parseInteger(message.fields["content-length"]).value_or(0));
    }
    message.body = bytes.substr(head + 4);
    int answer = status;
    {
        std::lock_guard lock(_mutex);
        _messages.push_back(std::move(message));
        if (static_cast<int>(_messages.size()) <= failFirst) answer = 500;
    }
    while (silent && !_stop) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const std::string reply =
        "HTTP/1.1 " + std::to_string(answer) + " X\r\nContent-Length: 0\r\n" + more + "\r\n";
    ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
}

} // namespace usher::test
