#pragma once

#include "base/Mutex.h"
#include "base/UniqueFd.h"
#include "plugin/isolated/Frame.h"

#include <functional>
#include <string>

namespace usher {

/// One end of the socket between host and helper. Sending never blocks: what does not fit is kept, up to a
/// bound, and flushed by whoever polls. Receiving belongs to one thread.
class Channel {
public:
    explicit Channel(UniqueFd socket);

    int descriptor() const { return _socket.get(); }
    /// False: the other side is gone, or reads nothing and too much waits for it. [any-thread]
    bool send(std::string frame);
    /// Like send(), but waits until the socket takes it all. [any-thread]
    bool sendWaiting(std::string frame);
    /// True: something waits for the socket to take it. [any-thread]
    bool backlog();
    /// Sends what waits. False: the other side is gone. [the receiving thread]
    bool flush();
    /// Reads what is there and gives each whole frame to `use`. False: the other side is gone or sent what is
    /// no frame. `use` may throw FrameError. `wait`: for the first byte. [one thread]
    bool receive(const std::function<void(FrameReader&)>& use, bool wait = false);
    /// Both directions end; receive() then says false. [any-thread]
    void close();

private:
    bool flushLocked() REQUIRES(_mutex);

    const UniqueFd _socket;
    Mutex _mutex;
    std::string _waiting GUARDED_BY(_mutex);
    std::string _buffer;   ///< of recv()
    std::string _received; ///< an incomplete frame
    std::size_t _at = 0;   ///< what of it is used
};

} // namespace usher
