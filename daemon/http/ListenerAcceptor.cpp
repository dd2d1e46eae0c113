#include "http/ListenerAcceptor.h"

#include "http/ListenerSocket.h"
#include "http/ReplyBytes.h"
#include "http/RequestRules.h"

#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace usher {
namespace {

constexpr int acceptsPerTurn = 64;
/// Refused connections that get a proper 503 at the same time; more are closed after a bare one.
constexpr int roomForRefused = 256;
constexpr std::chrono::milliseconds pauseWhenShort{100};

/// A whole answer for a connection that cannot be kept.
std::string answerWhenShort(const std::string& requestId) {
    const FramingFault refusal = overloaded();
    ReplyFrame frame;
    frame.keepAlive = false;
    frame.requestId = requestId;
    return replyBytes(Reply::error(refusal.status, refusal.title, refusal.message, refusal.code, requestId),
                      frame);
}

UniqueFd openSpare() {
    return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

} // namespace

ListenerAcceptor::ListenerAcceptor(UniqueFd socket, std::vector<std::unique_ptr<ListenerLoop>>& loops,
                                   Tls tls, ListenerNumbers& numbers)
    : _loops(loops), _settings(loops.front()->settings()), _tls(std::move(tls)), _numbers(numbers),
      _socket(loops.front()->io().get_executor(), socket.get()), _pause(loops.front()->io()),
      _spare(openSpare()) {
    socket.release();
}

void ListenerAcceptor::start() {
    waitForMore();
}

void ListenerAcceptor::waitForMore() {
    if (!_socket.is_open()) return;
    _socket.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error) return;
        if (acceptSome())
            waitForMore();
        else
            pause();
    });
}

void ListenerAcceptor::pause() {
    _pause.expires_after(pauseWhenShort);
    _pause.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        if (!_spare) _spare = openSpare();
        waitForMore();
    });
}

bool ListenerAcceptor::acceptSome() {
    for (int i = 0; i < acceptsPerTurn; ++i) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        UniqueFd fd(::accept4(_socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd) {
            take(std::move(fd), addressText(peer));
            continue;
        }
        switch (errno) {
        case EAGAIN:
            return true;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            refuseWaiting();
            return false;
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
            return false;
        default:
            continue; // the client gave up before we took it
        }
    }
    return true;
}

void ListenerAcceptor::refuseWaiting() {
    // Without this the clients would wait for an answer until their own patience ends.
    const std::string answer = _tls() ? std::string() : answerWhenShort(_loops.front()->newRequestId());
    for (int i = 0; i < acceptsPerTurn; ++i) {
        _spare.reset();
        UniqueFd fd(::accept4(_socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd) break;
        ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        ::shutdown(fd.get(), SHUT_WR);
        // What is not read makes the close a reset, which may overtake the answer.
        char request[4096];
        while (::recv(fd.get(), request, sizeof request, 0) > 0) {
        }
    }
    _spare = openSpare();
    const Instant now = std::chrono::steady_clock::now();
    if (_settings.report && now - _lastReport > std::chrono::seconds(10)) {
        _lastReport = now;
        _settings.report("listener: out of file descriptors; connections are refused until some are closed");
    }
}

void ListenerAcceptor::take(UniqueFd fd, std::string peer) {
    const int count = _numbers.connections.load(std::memory_order_relaxed);
    const bool overloaded = count >= _settings.maxConnections;
    if (count >= _settings.maxConnections + roomForRefused) return;
    SslPtr ssl;
    if (const auto tls = _tls()) {
        ssl = tls->newConnection();
        if (!ssl) return;
    }
    _numbers.connections.fetch_add(1, std::memory_order_relaxed);
    ListenerLoop& loop = *_loops[_next++ % _loops.size()];
    const auto add = [this, &loop, overloaded](UniqueFd& socket, std::string& from, SslPtr& state) {
        try {
            loop.add(std::move(socket), std::move(from), std::move(state), overloaded);
        } catch (const std::exception&) { // no memory for it
            _numbers.connections.fetch_sub(1, std::memory_order_relaxed);
        }
    };
    if (&loop == _loops.front().get()) return add(fd, peer, ssl);
    loop.post([add, fd = std::move(fd), peer = std::move(peer), ssl = std::move(ssl)]() mutable {
        add(fd, peer, ssl);
    });
}

void ListenerAcceptor::stopAccepting() {
    if (!_socket.is_open()) return;
    acceptSome();
    boost::system::error_code ignored;
    _socket.close(ignored);
    _pause.cancel();
}

} // namespace usher
