#include "storage/SqliteTurn.h"

#include <algorithm>

namespace usher {

bool SqliteTurn::acquire(Instant deadline) {
    Lock lock(_mutex);
    if (!_held) {
        _held = true;
        return true;
    }
    Waiter waiter;
    _queue.push_back(&waiter);
    while (!waiter.mine)
        if (waiter.granted.waitUntil(lock, deadline) == std::cv_status::timeout && !waiter.mine) {
            _queue.erase(std::find(_queue.begin(), _queue.end(), &waiter));
            return false;
        }
    return true;
}

void SqliteTurn::release() {
    Lock lock(_mutex);
    if (_queue.empty()) {
        _held = false;
        return;
    }
    // Handed over, never put down: nobody who comes now can overtake. Told under the lock, because the
    // waiter's stack is gone as soon as it sees the flag.
    Waiter* next = _queue.front();
    _queue.pop_front();
    next->mine = true;
    next->granted.notifyOne();
}

} // namespace usher
