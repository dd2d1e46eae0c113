#include "http/ConnectionMailbox.h"

namespace usher {

void ConnectionMailbox::post(ConnectionMessage message) {
    Lock lock(_mutex);
    if (_closed) return;
    _backlog.fetch_add(message.bytes.size(), std::memory_order_relaxed);
    _messages.push_back(std::move(message));
    if (_messages.size() == 1) _wake();
}

void ConnectionMailbox::take(std::vector<ConnectionMessage>& into) {
    into.clear();
    Lock lock(_mutex);
    into.swap(_messages);
}

void ConnectionMailbox::close() {
    std::vector<ConnectionMessage> dropped;
    Lock lock(_mutex);
    _closed = true;
    dropped.swap(_messages);
    lock.unlock();
}

} // namespace usher
