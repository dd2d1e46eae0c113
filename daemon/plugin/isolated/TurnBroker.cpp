#include "plugin/isolated/TurnBroker.h"

#include "plugin/Lane.h"

#include <algorithm>

namespace usher {

using namespace std::chrono_literals;

TurnBroker::TurnBroker(WriterTurn& turn, std::function<void(std::uint64_t, bool)> granted,
                       std::function<void()> tooLong)
    : _turn(turn), _granted(std::move(granted)), _tooLong(std::move(tooLong)),
      _thread(startQuietThread("plugin-turn", [this] { serve(); })) {}

TurnBroker::~TurnBroker() {
    {
        Lock lock(_mutex);
        _ending = true;
        _held = false;
        _change.notifyAll();
    }
    _thread.join();
}

void TurnBroker::acquire(std::uint64_t number, Instant deadline) {
    Lock lock(_mutex);
    _queue.push_back({number, std::min(deadline, std::chrono::steady_clock::now() + 10s)});
    _change.notifyAll();
}

void TurnBroker::release() {
    Lock lock(_mutex);
    _held = false;
    _change.notifyAll();
}

void TurnBroker::lost() {
    Lock lock(_mutex);
    _queue.clear();
    _held = false;
    ++_lives;
    _change.notifyAll();
}

void TurnBroker::serve() {
    Lock lock(_mutex);
    while (!_ending) {
        if (_queue.empty()) {
            _change.wait(lock);
            continue;
        }
        const Request request = _queue.front();
        _queue.pop_front();
        const std::uint64_t life = _lives;
        lock.unlock();
        const bool got = _turn.acquire(request.deadline);
        lock.lock();
        const bool wanted = life == _lives && !_ending;
        _held = got && wanted;
        lock.unlock();
        if (wanted) _granted(request.number, got);
        lock.lock();
        const Instant begin = std::chrono::steady_clock::now();
        bool warned = false;
        while (_held && !_ending) {
            if (_change.waitUntil(lock, begin + 2s) != std::cv_status::timeout || warned) continue;
            warned = true;
            lock.unlock();
            _tooLong();
            lock.lock();
            _held = false; // whoever held it is being killed
        }
        lock.unlock();
        if (got) _turn.release();
        lock.lock();
    }
}

} // namespace usher
