#pragma once

#include "http/Connection.h"
#include "http/ListenerSettings.h"
#include "http/ListenerTls.h"
#include "http/WorkerPool.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <thread>

namespace usher {

/// What all loops of a listener hold together.
struct ListenerNumbers {
    std::atomic<int> connections = 0;
    std::atomic<std::size_t> incompleteBytes = 0;
    std::atomic<std::size_t> unsentBytes = 0;
};

/// One event-loop thread and the connections that it owns. Deadlines cost no timer per request: each kind has
/// one timeout, so a list in order of arrival is in order of expiry, and one sweep looks at the heads of five
/// lists. Created and destroyed by Listener; start(), stop() [main]; post() [any-thread]; the rest
/// [event-loop].
class ListenerLoop {
public:
    ListenerLoop(const ListenerSettings& settings, RequestHandler& handler, WorkerPool& workers,
                 ListenerNumbers& numbers);
    ~ListenerLoop();

    void start();
    /// Closes every connection and joins the thread.
    void stop();
    template <class Work>
    void post(Work work) {
        boost::asio::post(_io, std::move(work));
    }
    boost::asio::io_context& io() { return _io; }
    /// Counts up while the loop turns, busy or not. [any-thread]
    std::uint64_t turns() const { return _turns.load(std::memory_order_relaxed); }

    void add(UniqueFd fd, std::string peer, SslPtr ssl, bool overloaded);
    void drain();

    // For connections.
    const ListenerSettings& settings() const { return _settings; }
    const HeadLimits& limits() const { return _limits; }
    RequestHandler& handler() { return _handler; }
    const std::shared_ptr<ConnectionMailbox>& mailbox() const { return _mailbox; }
    Instant now() const { return _now; }
    /// One buffer for all: what is read is used or copied before the next connection reads.
    std::span<char> scratch() { return _scratch; }
    std::string newRequestId();
    void watch(Connection& connection, Connection::Deadline deadline);
    void enqueue(std::shared_ptr<Exchange> exchange);
    /// `delta` bytes more or less are held by requests that are still arriving.
    void account(std::ptrdiff_t delta);
    /// The same for answers that are not taken.
    void accountOutput(std::ptrdiff_t delta);
    void remove(Connection& connection);
    /// Runs what a connection does; an exception (no memory) costs that connection only.
    template <class Work>
    void guarded(Connection& connection, Work work) {
        _now = std::chrono::steady_clock::now();
        try {
            work();
        } catch (const std::exception& error) {
            failed(connection, error.what());
        }
    }

private:
    using DeadlineList = boost::intrusive::list<
        Connection,
        boost::intrusive::member_hook<Connection, boost::intrusive::list_member_hook<>, &Connection::_hook>>;

    void run();
    void sweepLater();
    void sweep();
    void makeRoom();
    void deliver();
    void deliver(ConnectionMessage& message);
    void handOver();
    void failed(Connection& connection, const char* why);

    const ListenerSettings& _settings;
    const HeadLimits _limits;
    RequestHandler& _handler;
    WorkerPool& _workers;
    ListenerNumbers& _numbers;
    boost::asio::io_context _io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> _work;
    boost::asio::steady_timer _timer;
    std::chrono::milliseconds _tick;
    std::shared_ptr<ConnectionMailbox> _mailbox;
    std::vector<ConnectionMessage> _delivering;
    std::size_t _delivered = 0; ///< of _delivering
    std::vector<std::shared_ptr<Exchange>> _batch;
    bool _handOverPosted = false;
    bool _roomPosted = false;
    std::list<std::shared_ptr<Connection>> _connections;
    std::array<DeadlineList, static_cast<std::size_t>(Connection::Deadline::Count)> _deadlines;
    Instant _now;
    std::atomic<std::uint64_t> _turns = 0;
    std::vector<char> _scratch;
    std::uint64_t _idSeed[2];
    std::thread _thread;
};

} // namespace usher
