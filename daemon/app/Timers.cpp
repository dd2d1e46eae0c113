#include "app/Timers.h"

namespace usher {

void Timers::start() {
    _thread = std::thread([this] { run(); });
}

void Timers::stop() {
    std::map<Ticket, std::function<void()>> dropped; // what they own dies outside the lock
    {
        Lock lock(_mutex);
        _stopping = true;
        dropped.swap(_calls);
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

Timers::Ticket Timers::at(Instant due, std::function<void()> work) {
    Ticket ticket;
    bool first = false;
    {
        Lock lock(_mutex);
        ticket = {due, _next++};
        if (_stopping) return ticket;
        // Most have the same delay, so that the newest is the last.
        _calls.emplace_hint(_calls.end(), ticket, std::move(work));
        first = _calls.begin()->first == ticket;
    }
    if (first) _changed.notifyOne();
    return ticket;
}

void Timers::cancel(Ticket ticket) {
    Lock lock(_mutex);
    auto dropped = _calls.extract(ticket);
    lock.unlock(); // before what it owns dies
}

void Timers::run() {
    Lock lock(_mutex);
    while (!_stopping) {
        if (_calls.empty()) {
            _changed.wait(lock);
            continue;
        }
        Instant due = _calls.begin()->first.first;
        if (std::chrono::steady_clock::now() < due) {
            _changed.waitUntil(lock, due);
            continue;
        }
        std::function<void()> work = std::move(_calls.begin()->second);
        _calls.erase(_calls.begin());
        lock.unlock();
        work();
        work = nullptr; // what it owns dies outside the lock
        lock.lock();
    }
}

} // namespace usher
