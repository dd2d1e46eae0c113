#include "http/ListenerLoop.h"

#include "base/Random.h"

#include <boost/asio/post.hpp>

#include <signal.h>

#include <algorithm>
#include <cstring>

namespace usher {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds deliverySlice{2};

milliseconds timeoutOf(const ListenerSettings& settings, Connection::Deadline deadline) {
    switch (deadline) {
    case Connection::Deadline::Head:
        return settings.headTimeout;
    case Connection::Deadline::Body:
        return settings.bodyTimeout;
    case Connection::Deadline::Idle:
        return settings.idleTimeout;
    case Connection::Deadline::Write:
        return settings.writeStallTimeout;
    default:
        return settings.lingerTimeout;
    }
}

milliseconds tickOf(const ListenerSettings& settings) {
    const auto shortest = std::min({settings.headTimeout, settings.bodyTimeout, settings.idleTimeout,
                                    settings.writeStallTimeout, settings.lingerTimeout});
    return std::clamp(shortest / 8, milliseconds(5), milliseconds(250));
}

std::uint64_t mix(std::uint64_t x) { // splitmix64's finalizer: distinct inputs give distinct outputs
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

} // namespace

ListenerLoop::ListenerLoop(const ListenerSettings& settings, RequestHandler& handler, WorkerPool& workers,
                           ListenerNumbers& numbers)
    : _settings(settings), _limits{settings.maxTarget, settings.maxFields, settings.maxHead},
      _handler(handler), _workers(workers), _numbers(numbers), _work(_io.get_executor()), _timer(_io),
      _tick(tickOf(settings)), _mailbox(std::make_shared<ConnectionMailbox>(
                                   [this] { boost::asio::post(_io, [this] { deliver(); }); })),
      _now(std::chrono::steady_clock::now()), _scratch(64u << 10) {
    const std::string seed = randomBytes(sizeof _idSeed);
    std::memcpy(_idSeed, seed.data(), sizeof _idSeed);
}

ListenerLoop::~ListenerLoop() {
    stop();
}

void ListenerLoop::start() {
    sweepLater();
    _thread = std::thread([this] { run(); });
}

void ListenerLoop::run() {
    // OpenSSL writes with write(2), which knows no MSG_NOSIGNAL.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (!_io.stopped()) {
        try {
            _io.run();
        } catch (const std::exception& error) {
            if (_settings.report) _settings.report(std::string("listener: ") + error.what());
        }
    }
}

void ListenerLoop::stop() {
    _mailbox->close();
    if (!_thread.joinable()) return;
    boost::asio::post(_io, [this] {
        while (!_connections.empty()) _connections.back()->close();
        _batch.clear();
        _timer.cancel();
        _work.reset();
        _io.stop();
    });
    _thread.join();
}

void ListenerLoop::add(UniqueFd fd, std::string peer, SslPtr ssl, bool overloaded) {
    _now = std::chrono::steady_clock::now();
    auto connection = std::make_shared<Connection>(*this, std::move(fd), std::move(peer), std::move(ssl));
    _connections.push_front(connection);
    connection->_place = _connections.begin();
    guarded(*connection, [&] { overloaded ? connection->startOverloaded() : connection->start(); });
}

void ListenerLoop::remove(Connection& connection) {
    _numbers.connections.fetch_sub(1, std::memory_order_relaxed);
    const auto last = connection.shared_from_this(); // it is still running
    _connections.erase(connection._place);
    boost::asio::post(_io, [last] {});
}

void ListenerLoop::drain() {
    _mailbox->drain();
    const std::vector<std::shared_ptr<Connection>> all(_connections.begin(), _connections.end());
    for (const auto& connection : all) guarded(*connection, [&] { connection->drain(); });
}

std::string ListenerLoop::newRequestId() {
    static constexpr char digits[] = "0123456789abcdef";
    std::string id(24, '0');
    std::uint64_t words[2] = {mix(_idSeed[0] += 0x9e3779b97f4a7c15ULL),
                              mix(_idSeed[1] += 0x9e3779b97f4a7c15ULL)};
    for (std::size_t i = 0; i < id.size(); ++i) {
        std::uint64_t& word = words[i / 16];
        id[i] = digits[word & 15];
        word >>= 4;
    }
    return id;
}

void ListenerLoop::watch(Connection& connection, Connection::Deadline deadline) {
    if (connection._hook.is_linked()) {
        auto& list = _deadlines[static_cast<std::size_t>(connection._deadline)];
        list.erase(list.iterator_to(connection));
    }
    connection._deadline = deadline;
    if (deadline == Connection::Deadline::None) return;
    connection._due = _now + timeoutOf(_settings, deadline);
    _deadlines[static_cast<std::size_t>(deadline)].push_back(connection);
}

void ListenerLoop::sweepLater() {
    _timer.expires_after(_tick);
    _timer.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        sweep();
        sweepLater();
    });
}

void ListenerLoop::sweep() {
    _turns.fetch_add(1, std::memory_order_relaxed);
    _now = std::chrono::steady_clock::now();
    for (auto& list : _deadlines)
        while (!list.empty() && list.front()._due <= _now) {
            const auto connection = list.front().shared_from_this();
            guarded(*connection, [&] { connection->expire(); });
        }
}

void ListenerLoop::account(std::ptrdiff_t delta) {
    const std::size_t before =
        _numbers.incompleteBytes.fetch_add(static_cast<std::size_t>(delta), std::memory_order_relaxed);
    if (delta > 0 && before + static_cast<std::size_t>(delta) > _settings.incompleteBudgetBytes) makeRoom();
}

void ListenerLoop::makeRoom() {
    auto& heads = _deadlines[static_cast<std::size_t>(Connection::Deadline::Head)];
    auto& bodies = _deadlines[static_cast<std::size_t>(Connection::Deadline::Body)];
    const auto oldest = [](DeadlineList& list) -> Connection* {
        for (auto& connection : list)
            if (connection.isIncomplete()) return &connection;
        return nullptr;
    };
    while (_numbers.incompleteBytes.load(std::memory_order_relaxed) > _settings.incompleteBudgetBytes) {
        Connection* head = oldest(heads);
        Connection* body = oldest(bodies);
        if (!head && !body) return;
        Connection* victim = !body || (head && head->since() < body->since()) ? head : body;
        victim->closeForRoom();
    }
}

void ListenerLoop::accountOutput(std::ptrdiff_t delta) {
    _numbers.unsentBytes += static_cast<std::size_t>(delta);
    if (delta <= 0 || _numbers.unsentBytes <= _settings.unsentBudgetBytes || _roomPosted) return;
    // Later, because the one that asks may be the one that must go.
    _roomPosted = true;
    boost::asio::post(_io, [this] {
        _roomPosted = false;
        auto& stalled = _deadlines[static_cast<std::size_t>(Connection::Deadline::Write)];
        while (_numbers.unsentBytes > _settings.unsentBudgetBytes && !stalled.empty())
            stalled.front().close();
    });
}

void ListenerLoop::enqueue(std::shared_ptr<Exchange> exchange) {
    _batch.push_back(std::move(exchange));
    if (std::exchange(_handOverPosted, true)) return;
    // Behind everything that is ready now, so that the workers are woken once for all of it.
    boost::asio::post(_io, [this] { handOver(); });
}

void ListenerLoop::handOver() {
    _handOverPosted = false;
    _workers.offer(_batch);
    for (auto& exchange : _batch) {
        const FramingFault refusal = overloaded();
        exchange->reply(Reply::error(refusal.status, refusal.title, refusal.message, refusal.code,
                                     exchange->request().id));
    }
    _batch.clear();
}

void ListenerLoop::deliver() {
    // In slices: a thousand large answers that come together must not keep /healthz waiting.
    const Instant enough = std::chrono::steady_clock::now() + deliverySlice;
    for (;;) {
        if (_delivered == _delivering.size()) {
            _delivered = 0;
            _mailbox->take(_delivering);
            if (_delivering.empty()) return;
        }
        ConnectionMessage& message = _delivering[_delivered++];
        const std::size_t bytes = message.bytes.size();
        deliver(message);
        _mailbox->delivered(bytes);
        if (_now < enough) continue;
        boost::asio::post(_io, [this] { deliver(); });
        return;
    }
}

void ListenerLoop::deliver(ConnectionMessage& message) {
    if (message.kind == ConnectionMessage::Kind::Call) return message.call();
    const auto connection = message.to.lock();
    if (!connection) {
        if (message.stream) message.stream->gone();
        return;
    }
    guarded(*connection, [&] {
        switch (message.kind) {
        case ConnectionMessage::Kind::Answer:
            connection->answer(std::move(message.bytes), message.close);
            break;
        case ConnectionMessage::Kind::StreamHead:
            connection->streamHead(std::move(message.bytes), message.close, std::move(message.stream));
            break;
        case ConnectionMessage::Kind::StreamBytes:
            connection->streamBytes(std::move(message.bytes));
            break;
        case ConnectionMessage::Kind::StreamEnd:
            connection->streamEnd(message.bytes);
            break;
        case ConnectionMessage::Kind::StreamCut:
            connection->streamCut();
            break;
        case ConnectionMessage::Kind::Call:
            break;
        }
        connection->resume();
    });
}

void ListenerLoop::failed(Connection& connection, const char* why) {
    if (_settings.report) _settings.report(std::string("listener: a connection failed: ") + why);
    connection.close();
}

} // namespace usher
