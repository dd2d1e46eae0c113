#include "http/Listener.h"

#include "http/ListenerAcceptor.h"
#include "http/ListenerLoop.h"
#include "http/ListenerSocket.h"
#include "http/ListenerTls.h"
#include "http/WorkerPool.h"

#include <boost/asio/post.hpp>

#include <future>
#include <thread>

namespace usher {
namespace {
/// Answers that are made and not yet sent: above it the workers pause.
constexpr std::size_t maxBacklogBytes = 8u << 20;
} // namespace

Listener::Listener(ListenerSettings settings, RequestHandler& handler)
    : _settings(std::move(settings)), _handler(handler), _numbers(std::make_unique<ListenerNumbers>()) {}

Listener::~Listener() {
    stop();
}

int Listener::connectionCount() const {
    return _numbers->connections.load(std::memory_order_relaxed);
}

std::size_t Listener::incompleteBytes() const {
    return _numbers->incompleteBytes.load(std::memory_order_relaxed);
}

std::uint64_t Listener::turns() const {
    return _loops.front()->turns();
}

std::shared_ptr<const ListenerTls> Listener::loadTls() const {
    if (_settings.tlsCertificateFile.empty()) return nullptr;
    return std::make_shared<const ListenerTls>(_settings.tlsCertificateFile, _settings.tlsKeyFile,
                                               _settings.tlsAskForClientCertificate);
}

std::shared_ptr<const ListenerTls> Listener::currentTls() {
    Lock lock(_mutex);
    return _tls;
}

void Listener::reloadTls() {
    auto fresh = loadTls();
    Lock lock(_mutex);
    _tls.swap(fresh);
    lock.unlock();
}

void Listener::start() {
    reloadTls();
    UniqueFd socket = _settings.listenFd ? adoptListener(*_settings.listenFd)
                                         : openListener(_settings.address, _settings.port);
    _port = portOf(socket.get());
    const auto loopsAreBehind = [this] {
        std::size_t waiting = 0;
        for (const auto& loop : _loops) waiting += loop->mailbox()->backlogBytes();
        return waiting > maxBacklogBytes;
    };
    _workers = std::make_unique<WorkerPool>(_handler, _settings.workers, _settings.workerQueueLimit,
                                            _settings.report, loopsAreBehind);
    for (int i = 0; i < std::max(1, _settings.loops); ++i)
        _loops.push_back(std::make_unique<ListenerLoop>(_settings, _handler, *_workers, *_numbers));
    _acceptor = std::make_unique<ListenerAcceptor>(
        std::move(socket), _loops, [this] { return currentTls(); }, *_numbers);
    _workers->start();
    for (auto& loop : _loops) loop->start();
    _loops.front()->post([this] { _acceptor->start(); });
}

void Listener::stopAccepting() {
    if (!_acceptor) return;
    std::promise<void> closed;
    _loops.front()->post([this, &closed] {
        _acceptor->stopAccepting();
        // Only now, so that what was accepted last is drained too.
        for (auto& loop : _loops) loop->post([drained = loop.get()] { drained->drain(); });
        closed.set_value();
    });
    // Until then connections come, and waitUntilDrained() must not find that there are none before the last.
    closed.get_future().wait();
}

bool Listener::waitUntilDrained(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (connectionCount() > 0) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

void Listener::stop() {
    if (!_acceptor) return;
    std::promise<void> closed;
    _loops.front()->post([this, &closed] {
        _acceptor->stopAccepting();
        closed.set_value();
    });
    closed.get_future().wait();
    _workers->stop();
    for (auto& loop : _loops) loop->stop();
    _acceptor.reset();
    _loops.clear();
    _workers.reset();
}

} // namespace usher
