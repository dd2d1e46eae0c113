#include "http/ConnectionExchange.h"

#include "http/ConnectionStream.h"

namespace usher {

ConnectionExchange::ConnectionExchange(std::unique_ptr<HttpRequest> request, ReplyFrame frame,
                                       std::weak_ptr<Connection> connection,
                                       std::shared_ptr<ConnectionMailbox> mailbox)
    : _request(std::move(request)), _frame(std::move(frame)), _connection(std::move(connection)),
      _mailbox(std::move(mailbox)) {}

ConnectionExchange::~ConnectionExchange() {
    if (_answered) return;
    reply(Reply::error(500, "Internal error",
                       "The request was dropped without an answer; the server's log has its id.", "INTERNAL",
                       _request->id));
}

ReplyFrame ConnectionExchange::frameNow() const {
    ReplyFrame frame = _frame;
    if (_mailbox->isDraining()) frame.keepAlive = false;
    return frame;
}

std::string ConnectionExchange::format(const Reply& reply, bool& close) const {
    const ReplyFrame frame = frameNow();
    close = !frame.keepAlive || reply.close;
    return replyBytes(reply, frame);
}

bool ConnectionExchange::reply(Reply reply) {
    if (!claim()) return false;
    forgetCallbacks();
    bool close = false;
    std::string bytes = format(reply, close);
    _mailbox->post({ConnectionMessage::Kind::Answer, _connection, std::move(bytes), close, {}, {}});
    return true;
}

std::unique_ptr<ReplyStream> ConnectionExchange::closedStream() const {
    auto state = std::make_shared<StreamState>();
    state->gone();
    return std::make_unique<ConnectionStream>(std::weak_ptr<Connection>(), _mailbox, std::move(state), false);
}

std::unique_ptr<ReplyStream> ConnectionExchange::stream(Reply head) {
    if (!claim()) return closedStream();
    forgetCallbacks();
    const ReplyFrame frame = frameNow();
    const bool bodiless = frame.headOnly || head.status == 204 || head.status == 304;
    std::string bytes = streamHeadBytes(head, frame);
    const bool close = !frame.keepAlive || head.close || frame.http10;
    auto state = std::make_shared<StreamState>();
    if (bodiless) {
        // The answer is its head. The writer finds the client gone, which is what ends its work.
        _mailbox->post({ConnectionMessage::Kind::Answer, _connection, std::move(bytes), close, {}, {}});
        return closedStream();
    }
    _mailbox->post({ConnectionMessage::Kind::StreamHead, _connection, std::move(bytes), close, state, {}});
    return std::make_unique<ConnectionStream>(_connection, _mailbox, state, !frame.http10);
}

void ConnectionExchange::onAbandoned(std::function<void()> callback) {
    Lock lock(_mutex);
    if (!_abandoned) {
        _onAbandoned.push_back(std::move(callback));
        lock.unlock();
        return;
    }
    lock.unlock();
    // The client left before anybody asked.
    _mailbox->post({ConnectionMessage::Kind::Call, {}, {}, false, {}, std::move(callback)});
}

void ConnectionExchange::forgetCallbacks() {
    // They often hold what holds this exchange.
    std::vector<std::function<void()>> dropped;
    Lock lock(_mutex);
    dropped.swap(_onAbandoned);
    lock.unlock();
}

void ConnectionExchange::abandon() {
    if (_answered) return;
    std::vector<std::function<void()>> callbacks;
    {
        Lock lock(_mutex);
        if (std::exchange(_abandoned, true)) return;
        callbacks.swap(_onAbandoned);
    }
    for (const auto& callback : callbacks) callback();
}

} // namespace usher
