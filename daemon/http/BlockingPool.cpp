#include "http/BlockingPool.h"

namespace usher {

void BlockingPool::start() {
    for (std::size_t i = 0; i < _threadCount; ++i) _threads.emplace_back([this] { run(); });
}

void BlockingPool::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
        _waiting.clear();
    }
    _arrived.notifyAll();
    for (std::thread& thread : _threads)
        if (thread.joinable()) thread.join();
    _threads.clear();
}

bool BlockingPool::post(std::function<void()> work) {
    {
        Lock lock(_mutex);
        if (_stopping || _waiting.size() >= _maxWaiting) return false;
        _waiting.push_back(std::move(work));
    }
    _arrived.notifyOne();
    return true;
}

void BlockingPool::run() {
    Lock lock(_mutex);
    while (true) {
        while (_waiting.empty() && !_stopping) _arrived.wait(lock);
        if (_stopping) return;
        auto work = std::move(_waiting.front());
        _waiting.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
}

} // namespace usher
