#include "Http.h"

#include "base/Text.h"

#include <cppunit/TestAssert.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace usher::test {

Json Answer::json() const {
    auto parsed = parseJson(body, {.maxBytes = 64u << 20});
    CPPUNIT_ASSERT_MESSAGE("not JSON: " + std::to_string(status) + " " + body,
                           std::holds_alternative<Json>(parsed));
    return std::get<Json>(parsed);
}

void Http::close() {
    if (_fd >= 0) ::close(_fd);
    _fd = -1;
    _buffer.clear();
}

bool Http::connect() {
    if (_fd >= 0) return true;
    _fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(_port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    timeval patience{30, 0};
    setsockopt(_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    close();
    return false;
}

bool Http::sendAll(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        ssize_t n = ::send(_fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return false;
        sent += static_cast<std::size_t>(n);
    }
    return true;
}

bool Http::fill() {
    char buffer[65536];
    ssize_t n = ::recv(_fd, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    _buffer.append(buffer, static_cast<std::size_t>(n));
    return true;
}

Answer Http::request(const std::string& method, const std::string& target, const Headers& headers,
                     const std::string& body) {
    Answer answer;
    if (!connect()) return answer;
    std::string head =
        method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(_port) + "\r\n";
    bool typed = false;
    for (const auto& [name, value] : headers) {
        head += name + ": " + value + "\r\n";
        typed = typed || equalsIgnoreCase(name, "Content-Type");
    }
    if (!body.empty() && !typed) head += "Content-Type: application/json\r\n";
    if (!body.empty() || method != "GET") head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!sendAll(head + "\r\n" + body)) return close(), answer;

    std::size_t end;
    while ((end = _buffer.find("\r\n\r\n")) == std::string::npos)
        if (!fill()) return close(), answer;
    auto lines = split(std::string_view(_buffer).substr(0, end), '\n');
    _buffer.erase(0, end + 4);
    int status = static_cast<int>(parseInteger(lines.at(0).substr(9, 3)).value_or(0));
    for (std::size_t i = 1; i < lines.size(); ++i) {
        std::size_t colon = lines[i].find(':');
        answer.fields[toLower(lines[i].substr(0, colon))] = std::string(trim(lines[i].substr(colon + 1)));
    }
    bool hasBody = method != "HEAD" && status != 204 && status != 304;
    if (hasBody && answer.field("transfer-encoding") == "chunked") {
        while (true) {
            std::size_t line;
            while ((line = _buffer.find("\r\n")) == std::string::npos)
                if (!fill()) return close(), answer;
            std::size_t size = std::stoul(_buffer.substr(0, line), nullptr, 16);
            while (_buffer.size() < line + 2 + size + 2)
                if (!fill()) return close(), answer;
            answer.body += _buffer.substr(line + 2, size);
            _buffer.erase(0, line + 2 + size + 2);
            if (size == 0) break;
        }
    } else if (hasBody) {
        std::size_t length =
            static_cast<std::size_t>(parseInteger(answer.field("content-length")).value_or(0));
        while (_buffer.size() < length)
            if (!fill()) return close(), answer;
        answer.body = _buffer.substr(0, length);
        _buffer.erase(0, length);
    }
    answer.status = status;
    if (toLower(answer.field("connection")) == "close") close();
    return answer;
}

std::string Http::raw(const std::string& bytes, double seconds) {
    close();
    if (!connect()) return {};
    sendAll(bytes);
    std::string out;
    auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(static_cast<int>(seconds * 1000));
    while (true) {
        auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd entry{_fd, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) break;
        char buffer[65536];
        ssize_t n = ::recv(_fd, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        out.append(buffer, static_cast<std::size_t>(n));
    }
    close();
    return out;
}

} // namespace usher::test
