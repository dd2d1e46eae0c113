#pragma once

#include "base/Mutex.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace usher {

class Connection;
class StreamState;

/// Something that another thread wants a connection to do.
struct ConnectionMessage {
    enum class Kind { Answer, StreamHead, StreamBytes, StreamEnd, StreamCut, Call };
    Kind kind = Kind::Answer;
    std::weak_ptr<Connection> to; ///< locked on the loop only: the last owner must let go there
    std::string bytes;
    bool close = false;
    std::shared_ptr<StreamState> stream;
    std::function<void()> call; ///< of Kind::Call: run on the loop, whether or not the connection lives
};

/// Where answers from any thread wait for the event loop, which is woken once for all that come until it
/// looks. Shared by everything that may still hold an Exchange when the listener is long gone.
class ConnectionMailbox {
public:
    /// `wake` is called under the lock, so that it is never called after close(); it must only post to the
    /// loop.
    explicit ConnectionMailbox(std::function<void()> wake) : _wake(std::move(wake)) {}

    void post(ConnectionMessage message); ///< [any-thread] dropped after close()
    /// Everything that waits, in order. `into` comes back as storage for the next ones. [event-loop]
    void take(std::vector<ConnectionMessage>& into);
    void close(); ///< [main]
    /// Bytes of answers that were posted and not yet delivered. [any-thread]
    std::size_t backlogBytes() const { return _backlog.load(std::memory_order_relaxed); }
    void delivered(std::size_t bytes) {
        _backlog.fetch_sub(bytes, std::memory_order_relaxed);
    } ///< [event-loop]

    /// The listener drains: answers formatted from now on say Connection: close. [any-thread]
    bool isDraining() const { return _draining.load(std::memory_order_relaxed); }
    void drain() { _draining = true; }

private:
    std::function<void()> _wake;
    std::atomic<bool> _draining = false;
    std::atomic<std::size_t> _backlog = 0;
    Mutex _mutex;
    std::vector<ConnectionMessage> _messages GUARDED_BY(_mutex);
    bool _closed GUARDED_BY(_mutex) = false;
};

} // namespace usher
