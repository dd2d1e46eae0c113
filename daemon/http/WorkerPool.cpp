#include "http/WorkerPool.h"

#include <algorithm>

namespace usher {
namespace {
/// Enough to make the lock cheap; few, because what one thread has taken waits behind a slow call.
constexpr std::size_t maxBatch = 16;
} // namespace

WorkerPool::WorkerPool(RequestHandler& handler, int threads, std::size_t queueLimit, Report report,
                       Brake brake)
    : _handler(handler), _threadCount(std::max(1, threads)), _queueLimit(queueLimit),
      _report(std::move(report)), _brake(std::move(brake)) {}

WorkerPool::~WorkerPool() {
    stop();
}

void WorkerPool::start() {
    {
        Lock lock(_mutex);
        _stopping = false;
    }
    for (int i = 0; i < _threadCount; ++i) _threads.emplace_back([this] { run(); });
}

void WorkerPool::stop() {
    std::deque<std::shared_ptr<Exchange>> dropped;
    _stopped = true;
    {
        Lock lock(_mutex);
        _stopping = true;
        dropped.swap(_queue);
    }
    _condition.notifyAll();
    for (auto& thread : _threads) thread.join();
    _threads.clear();
}

void WorkerPool::offer(std::vector<std::shared_ptr<Exchange>>& batch) {
    std::size_t taken = 0;
    int wake = 0;
    {
        Lock lock(_mutex);
        if (!_stopping) taken = std::min(batch.size(), _queueLimit - std::min(_queueLimit, _queue.size()));
        for (std::size_t i = 0; i < taken; ++i) _queue.push_back(std::move(batch[i]));
        wake = std::min(_waiting, static_cast<int>(taken));
    }
    for (int i = 0; i < wake; ++i) _condition.notifyOne();
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(taken));
}

void WorkerPool::run() {
    std::vector<std::shared_ptr<Exchange>> batch;
    for (;;) {
        waitForLoop();
        {
            Lock lock(_mutex);
            while (_queue.empty() && !_stopping) {
                ++_waiting;
                _condition.wait(lock);
                --_waiting;
            }
            if (_stopping) return;
            const std::size_t share = _queue.size() / static_cast<std::size_t>(_threadCount);
            const std::size_t take = std::clamp<std::size_t>(share, 1, maxBatch);
            for (std::size_t i = 0; i < take; ++i) {
                batch.push_back(std::move(_queue.front()));
                _queue.pop_front();
            }
        }
        for (auto& exchange : batch) handle(std::move(exchange));
        batch.clear();
    }
}

void WorkerPool::waitForLoop() {
    // Happens only when large answers are made faster than they can be sent. Looking again is simpler than a
    // signal for something this rare, and cannot be missed.
    while (_brake && !_stopped && _brake()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void WorkerPool::handle(std::shared_ptr<Exchange> exchange) {
    const std::string id = exchange->request().id;
    try {
        _handler.handle(std::move(exchange));
    } catch (const std::exception& error) {
        if (_report) _report("request " + id + " failed: " + error.what());
    } catch (...) {
        if (_report) _report("request " + id + " failed: an exception of unknown type");
    }
}

} // namespace usher
