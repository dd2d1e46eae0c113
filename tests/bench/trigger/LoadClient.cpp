#include "LoadClient.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <deque>
#include <stdexcept>
#include <string_view>
#include <strings.h>

namespace bench {

namespace {

std::int64_t now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

int connectTo(int port) {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        if (fd >= 0) ::close(fd);
        throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
    }
    int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/// One answer at the front of `buffer`: its status and length; length 0: not complete yet.
struct Parsed {
    int status = 0;
    std::size_t head = 0;
    std::size_t length = 0;
    bool closes = false;
};

Parsed parse(const std::string& buffer) {
    Parsed parsed;
    std::size_t end = buffer.find("\r\n\r\n");
    if (end == std::string::npos || buffer.size() < 12) return parsed;
    parsed.status = std::atoi(buffer.c_str() + 9);
    parsed.head = end + 4;
    std::size_t body = 0;
    for (std::size_t line = buffer.find("\r\n") + 2; line < end + 2; line = buffer.find("\r\n", line) + 2) {
        if (strncasecmp(buffer.c_str() + line, "content-length:", 15) == 0)
            body = std::strtoul(buffer.c_str() + line + 15, nullptr, 10);
        if (strncasecmp(buffer.c_str() + line, "connection: close", 17) == 0) parsed.closes = true;
    }
    if (buffer.size() >= parsed.head + body) parsed.length = parsed.head + body;
    return parsed;
}

class Load {
public:
    explicit Load(const LoadPlan& plan) : _plan(plan), _epoll(::epoll_create1(EPOLL_CLOEXEC)) {
        _lines.resize(static_cast<std::size_t>(plan.connections));
        for (std::size_t i = 0; i < _lines.size(); ++i) {
            open(i);
            _idle.push_back(i);
        }
        _timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = timerTag;
        ::epoll_ctl(_epoll, EPOLL_CTL_ADD, _timer, &event);
    }
    ~Load() {
        for (Line& line : _lines)
            if (line.fd >= 0) ::close(line.fd);
        ::close(_timer);
        ::close(_epoll);
    }

    LoadResult run() {
        _start = now();
        _measureFrom = _start + static_cast<std::int64_t>(_plan.warmupSeconds * 1e9);
        _end = _measureFrom + static_cast<std::int64_t>(_plan.seconds * 1e9);
        const std::int64_t giveUp = _end + 5'000'000'000LL;
        if (_plan.rate <= 0)
            while (!_idle.empty()) sendNext(now());
        epoll_event events[256];
        for (std::int64_t time = now(); time < giveUp && (time < _end || _waiting > 0); time = now()) {
            if (_plan.rate > 0) sendDue(time);
            int count = ::epoll_wait(_epoll, events, 256, 200);
            for (int i = 0; i < count; ++i) {
                if (events[i].data.u64 == timerTag) {
                    std::uint64_t expirations;
                    (void)!::read(_timer, &expirations, sizeof expirations);
                } else {
                    receive(static_cast<std::size_t>(events[i].data.u64));
                }
            }
        }
        _result.unanswered += _waiting;
        _result.seconds = _plan.seconds;
        return std::move(_result);
    }

private:
    static constexpr std::uint64_t timerTag = ~0ULL;
    struct Line {
        int fd = -1;
        bool waits = false;
        std::int64_t since = 0; ///< when its request was due
        std::string buffer;
    };

    void open(std::size_t index) {
        Line& line = _lines[index];
        line.fd = connectTo(_plan.port);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = index;
        ::epoll_ctl(_epoll, EPOLL_CTL_ADD, line.fd, &event);
    }

    void reopen(std::size_t index) {
        Line& line = _lines[index];
        ::close(line.fd);
        line.buffer.clear();
        if (line.waits) {
            line.waits = false;
            --_waiting;
            ++_result.unanswered;
        }
        if (++_result.reconnects > 100'000) throw std::runtime_error("the server keeps closing connections");
        open(index);
    }

    /// The oldest idle connection asks; `due` is what its latency counts from.
    void sendNext(std::int64_t due) {
        std::size_t index = _idle.front();
        _idle.pop_front();
        const std::string& request = _plan.requests[_next++ % _plan.requests.size()];
        Line& line = _lines[index];
        line.since = due;
        line.waits = true;
        ++_waiting;
        // A request fits into an empty socket buffer; a short write means that the server closed.
        if (::send(line.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size())) {
            reopen(index);
            _idle.push_back(index);
        }
    }

    void sendDue(std::int64_t time) {
        auto dueAt = [&](std::uint64_t n) {
            return _start + static_cast<std::int64_t>(static_cast<double>(n) * 1e9 / _plan.rate);
        };
        while (!_idle.empty() && dueAt(_scheduled) <= time && dueAt(_scheduled) < _end)
            sendNext(dueAt(_scheduled++));
        std::int64_t next = std::min(dueAt(_scheduled), _end);
        itimerspec at{};
        at.it_value.tv_sec = next / 1'000'000'000LL;
        at.it_value.tv_nsec = next % 1'000'000'000LL;
        // With no connection free, an answer wakes us before the clock does.
        if (_idle.empty()) at = {};
        ::timerfd_settime(_timer, TFD_TIMER_ABSTIME, &at, nullptr);
    }

    void receive(std::size_t index) {
        Line& line = _lines[index];
        char piece[16 * 1024];
        ssize_t got = ::recv(line.fd, piece, sizeof piece, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            bool wasIdle = !line.waits;
            reopen(index);
            if (!wasIdle) answered(index);
            return;
        }
        line.buffer.append(piece, static_cast<std::size_t>(got));
        Parsed parsed = parse(line.buffer);
        if (parsed.length == 0) return;
        std::int64_t time = now();
        ++_result.answers[parsed.status];
        if (parsed.status == _plan.expected && time >= _measureFrom && time < _end) {
            ++_result.measured;
            _result.latency.record(time - line.since);
        }
        if (parsed.status != _plan.expected && _result.firstRefusal.empty())
            _result.firstRefusal = line.buffer.substr(parsed.head, parsed.length - parsed.head);
        line.buffer.erase(0, parsed.length);
        line.waits = false;
        --_waiting;
        if (parsed.closes) reopen(index);
        answered(index);
    }

    void answered(std::size_t index) {
        _idle.push_back(index);
        if (_plan.rate <= 0 && now() < _end) sendNext(now());
    }

    const LoadPlan& _plan;
    int _epoll;
    int _timer = -1;
    std::vector<Line> _lines;
    std::deque<std::size_t> _idle;
    std::size_t _next = 0;
    std::uint64_t _scheduled = 0;
    std::uint64_t _waiting = 0;
    std::int64_t _start = 0, _measureFrom = 0, _end = 0;
    LoadResult _result;
};

} // namespace

LoadResult runLoad(const LoadPlan& plan) {
    return Load(plan).run();
}

} // namespace bench
