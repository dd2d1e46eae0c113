#pragma once

#include "base/Mutex.h"
#include "http/ConnectionMailbox.h"
#include "http/Exchange.h"
#include "http/ReplyBytes.h"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace usher {

/// A request of one connection and the right to answer it. Answers are formatted by the thread that gives
/// them; the loop only sends. Owned by whoever handles the request; the connection keeps a weak pointer.
class ConnectionExchange final : public Exchange {
public:
    ConnectionExchange(std::unique_ptr<HttpRequest> request, ReplyFrame frame,
                       std::weak_ptr<Connection> connection, std::shared_ptr<ConnectionMailbox> mailbox);
    ~ConnectionExchange() override;

    const HttpRequest& request() const override { return *_request; }
    bool reply(Reply reply) override;
    std::unique_ptr<ReplyStream> stream(Reply head) override;
    void onAbandoned(std::function<void()> callback) override;

    /// The client went away. [event-loop]
    void abandon();
    /// Takes the right to answer, for the loop's own answers. [any-thread]
    bool claim() { return !_answered.exchange(true); }
    /// `close` comes back true when the connection must end after it. [any-thread]
    std::string format(const Reply& reply, bool& close) const;

private:
    ReplyFrame frameNow() const;
    void forgetCallbacks();
    /// For whom there is nobody (any more) to write to.
    std::unique_ptr<ReplyStream> closedStream() const;

    std::unique_ptr<HttpRequest> _request;
    ReplyFrame _frame;
    std::weak_ptr<Connection> _connection;
    std::shared_ptr<ConnectionMailbox> _mailbox;
    std::atomic<bool> _answered = false;
    Mutex _mutex;
    bool _abandoned GUARDED_BY(_mutex) = false;
    std::vector<std::function<void()>> _onAbandoned GUARDED_BY(_mutex);
};

} // namespace usher
