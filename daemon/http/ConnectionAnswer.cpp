#include "http/Connection.h"

#include "http/ListenerLoop.h"

#include <sys/socket.h>

#include <algorithm>

// The half of Connection that sends: refusals, answers, streams, and the end of the connection.
namespace usher {

void Connection::refuse(const FramingFault& refusal) {
    ReplyFrame frame;
    frame.keepAlive = false;
    frame.headOnly = _reader.refusedHead();
    frame.requestId = _reader.refusedId().empty() ? _loop.newRequestId() : _reader.refusedId();
    _closeAfter = true;
    enter(Phase::Writing, Deadline::Write);
    send(replyBytes(
        Reply::error(refusal.status, refusal.title, refusal.message, refusal.code, frame.requestId), frame));
}

void Connection::answer(std::string bytes, bool close) {
    if (_phase != Phase::Handling) return; // closed meanwhile
    _closeAfter = _closeAfter || close;
    _exchange.reset();
    enter(Phase::Writing, Deadline::Write);
    send(std::move(bytes));
}

void Connection::streamHead(std::string bytes, bool close, std::shared_ptr<StreamState> stream) {
    if (_phase != Phase::Handling || _peerEnded) {
        stream->gone();
        return this->close();
    }
    _closeAfter = _closeAfter || close;
    _exchange.reset();
    _stream = std::move(stream);
    _streamEnded = false;
    _headLeft = bytes.size();
    enter(Phase::Streaming, Deadline::None);
    send(std::move(bytes));
}

void Connection::streamBytes(std::string bytes) {
    if (_phase == Phase::Streaming) send(std::move(bytes));
}

void Connection::streamEnd(const std::string& bytes) {
    if (_phase != Phase::Streaming) return;
    _streamEnded = true;
    if (bytes.empty() && _output.empty()) return finishAnswer();
    send(bytes);
}

void Connection::streamCut() {
    if (_phase != Phase::Streaming) return;
    // A reset, because the end of the connection is the proper end of an HTTP/1.0 answer.
    const ::linger abrupt{1, 0};
    ::setsockopt(_descriptor.native_handle(), SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
    close();
}

void Connection::send(std::string bytes) {
    if (_output.empty()) {
        _output = std::move(bytes);
        return flush();
    }
    _output += bytes;
    accountOutput();
}

void Connection::flush() {
    while (_sent < _output.size()) {
        const auto result = _socket.write(std::string_view(_output).substr(_sent));
        switch (result.status) {
        case ConnectionSocket::Status::Done:
            sentSome(result.bytes);
            break;
        case ConnectionSocket::Status::WantRead:
            _wantRead = true;
            return;
        case ConnectionSocket::Status::WantWrite:
            _wantWrite = true;
            if (_phase == Phase::Streaming && _deadline != Deadline::Write)
                enter(Phase::Streaming, Deadline::Write);
            if (_sent > _output.size() / 2) _output.erase(0, std::exchange(_sent, 0));
            return accountOutput();
        default:
            return close();
        }
        if (_phase == Phase::Closed) return;
    }
    std::string().swap(_output);
    _sent = 0;
    accountOutput();
    if (_phase == Phase::Writing || (_phase == Phase::Streaming && _streamEnded)) return finishAnswer();
    if (_phase == Phase::Streaming) enter(Phase::Streaming, Deadline::None);
}

void Connection::sentSome(std::size_t bytes) {
    _sent += bytes;
    // The clock of a stalled reader starts anew with all that it takes.
    if (_deadline == Deadline::Write && _sent < _output.size()) _loop.watch(*this, Deadline::Write);
    if (!_stream) return;
    const std::size_t ofHead = std::min(bytes, _headLeft);
    _headLeft -= ofHead;
    _stream->sent(bytes - ofHead);
}

void Connection::finishAnswer() {
    if (_stream) _stream.reset();
    _streamEnded = false;
    if (_closeAfter) return linger();
    _answered = true;
    enter(Phase::Idle, Deadline::Idle);
}

void Connection::linger() {
    if (_peerEnded) return close();
    _socket.shutdownWrite();
    std::string().swap(_input);
    account();
    enter(Phase::Lingering, Deadline::Linger);
}

void Connection::accountOutput() {
    // Only what the socket did not take: most answers never count.
    const std::size_t held = _output.capacity() > 15 ? _output.capacity() : 0;
    if (held == _accountedOutput) return;
    const auto delta = static_cast<std::ptrdiff_t>(held) - static_cast<std::ptrdiff_t>(_accountedOutput);
    _accountedOutput = held;
    _loop.accountOutput(delta);
}

} // namespace usher
