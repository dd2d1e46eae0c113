#include "http/Connection.h"

#include "http/ListenerLoop.h"

#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

#include <algorithm>

namespace usher {
namespace {

/// How much is read ahead of an answer: enough for a pipelining client, nothing for a flood.
constexpr std::size_t readAheadBytes = 16u << 10;
/// How much is thrown away after a refusal, so that the client comes to read the answer.
constexpr std::size_t maxDrainedBytes = 1u << 20;
/// How long an answer may take before we look whether the client that ended its side is still there.
constexpr std::chrono::milliseconds probeDelay{400};

} // namespace

Connection::Connection(ListenerLoop& loop, UniqueFd fd, std::string peer, SslPtr ssl)
    : _loop(loop), _descriptor(loop.io().get_executor()), _socket(fd.get(), std::move(ssl)),
      _reader(loop.limits(), loop.handler()), _peer(std::move(peer)) {
    _descriptor.assign(fd.get());
    fd.release(); // only now: assign() may throw, and then has not taken it
}

Connection::~Connection() = default;

void Connection::start() {
    if (_socket.isTls())
        enter(Phase::Handshake, Deadline::Head);
    else
        enter(Phase::Idle, Deadline::Idle);
    drive();
}

void Connection::startOverloaded() {
    _overloaded = true;
    if (_socket.isTls()) return start(); // the answer needs a handshake first
    refuse(overloaded());
    arm();
}

void Connection::enter(Phase phase, Deadline deadline) {
    if (phase == _phase && deadline == _deadline && deadline != Deadline::Write) return;
    _phase = phase;
    _since = _loop.now();
    _loop.watch(*this, deadline);
}

/// All that can be done now: after any readiness of the descriptor.
void Connection::drive() {
    if (_phase == Phase::Closed) return;
    _wantRead = _wantWrite = false;
    if (_phase == Phase::Handshake && !handshake()) return arm();
    if (!_output.empty()) flush();
    readHeldInput();
    if (mayRead()) readSome();
    arm();
}

/// After an answer: does not try to read, because readiness will tell.
void Connection::resume() {
    readHeldInput();
    arm();
}

void Connection::readHeldInput() {
    if (_phase == Phase::Idle && !_input.empty()) received({});
    // The peer has ended its side, and what it sent before is answered.
    if (_peerEnded && (_phase == Phase::Idle || isIncomplete())) peerEnded();
}

bool Connection::handshake() {
    switch (_socket.handshake()) {
    case ConnectionSocket::Status::Done:
        _fingerprint = _socket.clientFingerprint();
        enter(Phase::Idle, Deadline::Idle);
        if (_overloaded) refuse(overloaded());
        return true;
    case ConnectionSocket::Status::WantRead:
        _wantRead = true;
        return false;
    case ConnectionSocket::Status::WantWrite:
        _wantWrite = true;
        return false;
    default:
        close();
        return false;
    }
}

bool Connection::mayRead() const {
    switch (_phase) {
    case Phase::Idle:
    case Phase::Head:
    case Phase::Body:
    case Phase::Lingering:
        return !_peerEnded;
    case Phase::Handling:
    case Phase::Writing:
    case Phase::Streaming:
        return !_peerEnded && !_closeAfter && _input.size() < readAheadBytes;
    default:
        return false;
    }
}

void Connection::readSome() {
    const std::span<char> scratch = _loop.scratch();
    do {
        const bool ahead =
            _phase == Phase::Handling || _phase == Phase::Writing || _phase == Phase::Streaming;
        const auto result = _socket.read(ahead ? scratch.first(readAheadBytes) : scratch);
        switch (result.status) {
        case ConnectionSocket::Status::Done:
            received({scratch.data(), result.bytes});
            break;
        case ConnectionSocket::Status::WantRead:
            return;
        case ConnectionSocket::Status::WantWrite:
            _wantWrite = true;
            return;
        case ConnectionSocket::Status::End:
            return peerEnded();
        case ConnectionSocket::Status::Broken:
            return close();
        }
        // A plain socket announces what is left; what TLS has unpacked, nobody announces.
    } while (_socket.hasBuffered() && mayRead());
}

void Connection::peerEnded() {
    _peerEnded = true;
    switch (_phase) {
    case Phase::Handling:
        return probeLater();
    case Phase::Writing:
        break; // a client may end its side and still wait for the answer
    case Phase::Head:
    case Phase::Body:
        refuse(badRequest("The request ended before it was complete."));
        break;
    default:
        close(); // idle or lingering; and the reader of a stream is gone
    }
}

/// A client that has closed its socket, and one that has only ended its side and still waits for the answer,
/// look the same until something is sent to them: then the kernel of the first one answers with a reset. So
/// when an answer takes its time, an interim response is sent, which every client of HTTP/1.1 skips.
void Connection::probeLater() {
    const auto exchange = _exchange.lock();
    if (!exchange || exchange->request().head.getVersion() != Poco::Net::HTTPRequest::HTTP_1_1) return;
    auto timer = std::make_shared<boost::asio::steady_timer>(_loop.io(), probeDelay);
    timer->async_wait([timer, self = shared_from_this()](const boost::system::error_code& error) {
        if (error || self->_phase != Phase::Handling) return;
        self->_loop.guarded(*self, [&] {
            self->send("HTTP/1.1 100 Continue\r\n\r\n");
            self->arm();
        });
    });
}

void Connection::received(std::string_view bytes) {
    if (_phase == Phase::Lingering || _closeAfter) {
        _drained += bytes.size();
        if (_drained > maxDrainedBytes) close();
        return;
    }
    const bool held = !_input.empty();
    if (held) bytes = _input.append(bytes);
    const std::size_t used = consume(bytes);
    if (_phase == Phase::Closed) return;
    if (!held)
        _input.assign(bytes.substr(used));
    else if (used == _input.size())
        std::string().swap(_input); // idle connections hold no buffer
    else
        _input.erase(0, used);
    account();
}

std::size_t Connection::consume(std::string_view bytes) {
    std::size_t total = 0;
    while ((_phase == Phase::Idle || _phase == Phase::Head || _phase == Phase::Body) && !_closeAfter) {
        std::size_t used = 0;
        const auto outcome = _reader.read(bytes.substr(total), used);
        total += used;
        switch (outcome) {
        case RequestReader::Outcome::Incomplete:
            if (_reader.inBody())
                enter(Phase::Body, Deadline::Body);
            else if (!_reader.isIdle())
                enter(Phase::Head, Deadline::Head);
            return total;
        case RequestReader::Outcome::SendContinue:
            send("HTTP/1.1 100 Continue\r\n\r\n");
            break;
        case RequestReader::Outcome::Complete:
            dispatch();
            break;
        case RequestReader::Outcome::Refused:
            refuse(_reader.refusal());
            return bytes.size();
        }
    }
    return total;
}

void Connection::dispatch() {
    const RequestPlan& plan = _reader.plan();
    auto request = _reader.take();
    if (request->id.empty()) request->id = _loop.newRequestId();
    request->peerAddress = _peer;
    request->secure = _socket.isTls();
    request->tlsClientFingerprint = _fingerprint;
    ReplyFrame frame;
    frame.keepAlive = plan.keepAlive;
    frame.http10 = plan.http10;
    frame.headOnly = request->head.getMethod() == "HEAD";
    frame.requestId = request->id;
    auto exchange = std::make_shared<ConnectionExchange>(std::move(request), std::move(frame),
                                                         weak_from_this(), _loop.mailbox());
    enter(Phase::Handling, Deadline::None);
    if (auto reply = _loop.handler().answerAtOnce(exchange->request())) {
        exchange->claim();
        bool close = false;
        std::string bytes = exchange->format(*reply, close);
        return answer(std::move(bytes), close);
    }
    _exchange = exchange;
    _loop.enqueue(std::move(exchange));
}

void Connection::wait(Descriptor::wait_type what, bool& armed) {
    if (std::exchange(armed, true)) return;
    _descriptor.async_wait(what, [self = shared_from_this(), &armed](const boost::system::error_code& error) {
        armed = false;
        if (error || self->_phase == Phase::Closed) return;
        self->_loop.guarded(*self, [&] {
            if (&armed == &self->_errorArmed) return self->close();
            self->drive();
        });
    });
}

void Connection::arm() {
    if (_phase == Phase::Closed) return;
    if (_wantRead || mayRead()) wait(Descriptor::wait_read, _readArmed);
    if (_wantWrite) wait(Descriptor::wait_write, _writeArmed);
    // The peer has ended its side; only a reset tells that it does not want the answer either.
    if (_peerEnded && _phase == Phase::Handling) wait(Descriptor::wait_error, _errorArmed);
    if (_socket.hasBuffered() && mayRead())
        _loop.post([self = shared_from_this()] { self->_loop.guarded(*self, [&] { self->drive(); }); });
}

void Connection::expire() {
    switch (_deadline) {
    case Deadline::Head:
        if (_phase == Phase::Handshake) return close();
        refuse(requestTimeout());
        return arm();
    case Deadline::Body:
        refuse(requestTimeout());
        return arm();
    default:
        close();
    }
}

void Connection::drain() {
    // What the client has already sent is still answered.
    if (_phase == Phase::Idle) drive();
    if (_phase != Phase::Idle || !_reader.isIdle()) return;
    // One that was accepted a moment ago has a client who is about to ask, and who may not ask twice.
    if (_answered) return close();
    enter(Phase::Idle, Deadline::Linger);
}

void Connection::closeForRoom() {
    refuse(requestTimeout());
    close();
}

void Connection::account() {
    const std::size_t held = (_input.capacity() > 15 ? _input.capacity() : 0) + _reader.heldBytes();
    if (held == _accounted) return;
    const auto delta = static_cast<std::ptrdiff_t>(held) - static_cast<std::ptrdiff_t>(_accounted);
    _accounted = held;
    _loop.account(delta);
}

void Connection::close() {
    if (_phase == Phase::Closed) return;
    enter(Phase::Closed, Deadline::None);
    if (_accounted > 0) _loop.account(-static_cast<std::ptrdiff_t>(std::exchange(_accounted, 0)));
    if (_accountedOutput > 0)
        _loop.accountOutput(-static_cast<std::ptrdiff_t>(std::exchange(_accountedOutput, 0)));
    boost::system::error_code ignored;
    _descriptor.close(ignored);
    if (auto stream = std::exchange(_stream, nullptr)) stream->gone();
    if (auto exchange = _exchange.lock()) exchange->abandon();
    _exchange.reset();
    _loop.remove(*this);
}

} // namespace usher
