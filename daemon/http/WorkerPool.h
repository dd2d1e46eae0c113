#pragma once

#include "base/Mutex.h"
#include "http/Exchange.h"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace usher {

/// A few threads that hand complete requests to the handler, and the bounded queue in front of them. Owned by
/// the listener. An exception of the handler is reported; its request is dropped, which answers 500.
class WorkerPool {
public:
    using Report = std::function<void(const std::string&)>;

    /// While `brake` is true no thread takes another request: the answers of those before wait for the loop.
    using Brake = std::function<bool()>;

    WorkerPool(RequestHandler& handler, int threads, std::size_t queueLimit, Report report, Brake brake);
    ~WorkerPool();

    void start(); ///< [main]
    /// Ends after the calls that are under way; what still waits is dropped. [main]
    void stop();
    /// Takes the requests from the front of `batch` as far as there is room; what is left in it was not
    /// taken. [event-loop]
    void offer(std::vector<std::shared_ptr<Exchange>>& batch);

private:
    void run();
    void waitForLoop();
    void handle(std::shared_ptr<Exchange> exchange);

    RequestHandler& _handler;
    const int _threadCount;
    const std::size_t _queueLimit;
    Report _report;
    Brake _brake;
    std::atomic<bool> _stopped = false;
    std::vector<std::thread> _threads; ///< [main]
    Mutex _mutex;
    Condition _condition;
    std::deque<std::shared_ptr<Exchange>> _queue GUARDED_BY(_mutex);
    int _waiting GUARDED_BY(_mutex) = 0;
    bool _stopping GUARDED_BY(_mutex) = false;
};

} // namespace usher
