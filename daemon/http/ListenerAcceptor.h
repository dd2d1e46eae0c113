#pragma once

#include "http/ListenerLoop.h"

#include <memory>
#include <vector>

namespace usher {

/// Accepts connections for all loops. Runs on the first one. Out of descriptors it keeps living: a spare
/// descriptor lets it answer the connections that wait with 503, and it tries again after a pause.
class ListenerAcceptor {
public:
    using Tls = std::function<std::shared_ptr<const ListenerTls>()>;

    /// `tls` returns null for plain HTTP; it may return another one after a reload.
    ListenerAcceptor(UniqueFd socket, std::vector<std::unique_ptr<ListenerLoop>>& loops, Tls tls,
                     ListenerNumbers& numbers);

    void start(); ///< [event-loop] of the first loop
    /// Takes what has already connected, then closes the socket. [event-loop]
    void stopAccepting();

private:
    using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

    void waitForMore();
    /// False when it must pause.
    bool acceptSome();
    void take(UniqueFd fd, std::string peer);
    /// Answers those that wait with 503 (over TLS: with nothing) and closes them, one spare descriptor for
    /// all.
    void refuseWaiting();
    void pause();

    std::vector<std::unique_ptr<ListenerLoop>>& _loops;
    const ListenerSettings& _settings;
    Tls _tls;
    ListenerNumbers& _numbers;
    Descriptor _socket;
    boost::asio::steady_timer _pause;
    UniqueFd _spare;
    std::size_t _next = 0;
    Instant _lastReport;
};

} // namespace usher
