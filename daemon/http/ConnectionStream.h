#pragma once

#include "base/Mutex.h"
#include "http/ConnectionMailbox.h"
#include "http/Exchange.h"

#include <functional>
#include <memory>
#include <string>

namespace usher {

/// What the writer of a long answer and its connection share. The writer may outlive the connection and the
/// other way round, hence shared_ptr.
class StreamState {
public:
    /// A writer that ignores onProgress is cut above this many unsent bytes (a single larger piece is taken).
    static constexpr std::size_t maxPendingBytes = 4u << 20;

    /// False: gone, or cut because too much waits. [any-thread]
    bool add(std::size_t bytes, bool& overflow);
    std::size_t pending() const; ///< [any-thread]
    bool isOpen() const;         ///< [any-thread]
    /// False when the client was gone before: the caller sees to notifyGone() on the loop. [any-thread]
    bool listen(std::function<void(bool)> progress);

    void sent(std::size_t bytes); ///< [event-loop]
    void gone();                  ///< [event-loop] tells the writer, once
    void finish();                ///< [any-thread] the writer is done: nothing is called any more

private:
    mutable Mutex _mutex;
    std::size_t _pending GUARDED_BY(_mutex) = 0;
    bool _open GUARDED_BY(_mutex) = true;
    bool _finished GUARDED_BY(_mutex) = false;
    std::function<void(bool)> _progress GUARDED_BY(_mutex);
};

/// The writer's end of a long answer.
class ConnectionStream final : public ReplyStream {
public:
    ConnectionStream(std::weak_ptr<Connection> connection, std::shared_ptr<ConnectionMailbox> mailbox,
                     std::shared_ptr<StreamState> state, bool chunked);
    ~ConnectionStream() override;

    bool write(std::string bytes) override;
    std::size_t pending() const override { return _state->pending(); }
    void onProgress(std::function<void(bool open)> progress) override;
    void end() override;

private:
    std::weak_ptr<Connection> _connection;
    std::shared_ptr<ConnectionMailbox> _mailbox;
    std::shared_ptr<StreamState> _state;
    bool _chunked;
    std::atomic<bool> _ended = false;
};

} // namespace usher
