#pragma once

#include "base/Mutex.h"
#include "http/Exchange.h"
#include "http/ListenerSettings.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

namespace usher {

class ListenerAcceptor;
class ListenerLoop;
class ListenerTls;
struct ListenerNumbers;
class WorkerPool;

/// The door: accepts connections, reads requests strictly (RequestRules), hands them to a RequestHandler,
/// sends its answers. A connection costs a few KiB and no thread. Owned by main, which keeps the handler
/// alive longer. Exchanges and streams may outlive it; what they answer then goes nowhere. All functions
/// [main]; port() and the counts [any-thread].
class Listener {
public:
    Listener(ListenerSettings settings, RequestHandler& handler);
    ~Listener(); ///< stop()

    /// Binds and begins. Throws std::runtime_error that says what is wrong: the port is taken, the
    /// certificate is bad.
    void start();
    /// Reads certificate and key again, for new connections. Throws std::runtime_error and keeps the old
    /// ones.
    void reloadTls();
    /// Drains: takes no more connections, closes the idle ones, and each other one after its answer (streams
    /// go on).
    void stopAccepting();
    /// After stopAccepting(): true when the last connection is closed, false when the time is up first.
    bool waitUntilDrained(std::chrono::milliseconds patience);
    /// Ends everything: the calls to the handler that are under way are waited for, all connections are
    /// closed. Once.
    void stop();

    int port() const { return _port; }
    int connectionCount() const;
    std::size_t incompleteBytes() const;
    /// Counts up while the loop that accepts is alive. Between start() and stop().
    std::uint64_t turns() const;

private:
    std::shared_ptr<const ListenerTls> loadTls() const;
    std::shared_ptr<const ListenerTls> currentTls();

    const ListenerSettings _settings;
    RequestHandler& _handler;
    std::atomic<int> _port = 0;
    std::unique_ptr<ListenerNumbers> _numbers;
    Mutex _mutex;
    std::shared_ptr<const ListenerTls> _tls GUARDED_BY(_mutex); ///< shared: a reload may race with an accept
    std::unique_ptr<WorkerPool> _workers;
    std::vector<std::unique_ptr<ListenerLoop>> _loops;
    std::unique_ptr<ListenerAcceptor> _acceptor;
};

} // namespace usher
