#include "app/Timers.h"

#include <algorithm>

namespace usher {

void Timers::start() {
    _thread = std::thread([this] { run(); });
}

void Timers::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
        _heap.clear();
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

void Timers::at(Instant due, std::function<void()> work) {
    bool first = false;
    {
        Lock lock(_mutex);
        if (_stopping) return;
        _heap.push_back({due, _next++, std::move(work)});
        std::push_heap(_heap.begin(), _heap.end(), Later{});
        first = _heap.front().due == due;
    }
    if (first) _changed.notifyOne();
}

void Timers::run() {
    Lock lock(_mutex);
    while (!_stopping) {
        if (_heap.empty()) {
            _changed.wait(lock);
            continue;
        }
        Instant due = _heap.front().due;
        if (std::chrono::steady_clock::now() < due) {
            _changed.waitUntil(lock, due);
            continue;
        }
        std::pop_heap(_heap.begin(), _heap.end(), Later{});
        std::function<void()> work = std::move(_heap.back().work);
        _heap.pop_back();
        lock.unlock();
        work();
        work = nullptr; // what it owns dies outside the lock
        lock.lock();
    }
}

} // namespace usher
