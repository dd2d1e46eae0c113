#include "http/ConnectionStream.h"

#include "http/ReplyBytes.h"

namespace usher {

bool StreamState::add(std::size_t bytes, bool& overflow) {
    Lock lock(_mutex);
    overflow = false;
    if (!_open || _finished) return false;
    if (_pending > 0 && _pending + bytes > maxPendingBytes) {
        overflow = true;
        return false;
    }
    _pending += bytes;
    return true;
}

std::size_t StreamState::pending() const {
    Lock lock(_mutex);
    return _pending;
}

bool StreamState::isOpen() const {
    Lock lock(_mutex);
    return _open;
}

bool StreamState::listen(std::function<void(bool)> progress) {
    std::function<void(bool)> old; // destroyed outside the lock: it may own the writer
    Lock lock(_mutex);
    old = std::exchange(_progress, std::move(progress));
    const bool open = _open;
    lock.unlock();
    return open;
}

void StreamState::sent(std::size_t bytes) {
    std::function<void(bool)> progress;
    {
        Lock lock(_mutex);
        if (bytes == 0 || _pending == 0) return;
        _pending -= std::min(bytes, _pending);
        if (_pending == 0 && !_finished && _open) progress = _progress;
    }
    if (progress) progress(true);
}

void StreamState::gone() {
    std::function<void(bool)> progress;
    {
        Lock lock(_mutex);
        _open = false;
        _pending = 0;
        progress = std::exchange(_progress, nullptr);
        if (_finished) return;
    }
    if (progress) progress(false);
}

void StreamState::finish() {
    std::function<void(bool)> dropped;
    Lock lock(_mutex);
    _finished = true;
    dropped = std::exchange(_progress, nullptr);
    lock.unlock();
}

ConnectionStream::ConnectionStream(std::weak_ptr<Connection> connection,
                                   std::shared_ptr<ConnectionMailbox> mailbox,
                                   std::shared_ptr<StreamState> state, bool chunked)
    : _connection(std::move(connection)), _mailbox(std::move(mailbox)), _state(std::move(state)),
      _chunked(chunked) {}

ConnectionStream::~ConnectionStream() {
    if (_ended.exchange(true)) return;
    _state->finish();
    _mailbox->post({ConnectionMessage::Kind::StreamCut, _connection, {}, false, {}, {}});
}

bool ConnectionStream::write(std::string bytes) {
    if (_ended) return false;
    if (bytes.empty()) return _state->isOpen();
    if (_chunked) bytes = chunkBytes(bytes);
    bool overflow = false;
    if (!_state->add(bytes.size(), overflow)) {
        if (overflow && !_ended.exchange(true)) {
            _mailbox->post({ConnectionMessage::Kind::StreamCut, _connection, {}, false, {}, {}});
        }
        return false;
    }
    _mailbox->post({ConnectionMessage::Kind::StreamBytes, _connection, std::move(bytes), false, {}, {}});
    return true;
}

void ConnectionStream::onProgress(std::function<void(bool open)> progress) {
    if (_ended) return;
    if (!_state->listen(std::move(progress)))
        _mailbox->post(
            {ConnectionMessage::Kind::Call, {}, {}, false, {}, [state = _state] { state->gone(); }});
}

void ConnectionStream::end() {
    if (_ended.exchange(true)) return;
    _state->finish();
    _mailbox->post(
        {ConnectionMessage::Kind::StreamEnd, _connection, _chunked ? "0\r\n\r\n" : "", false, {}, {}});
}

} // namespace usher
