#include "storage/SocketWatchdog.h"

#include <sys/socket.h>

namespace usher {

SocketWatchdog::Watch::Watch(SocketWatchdog& dog, int socket, Instant deadline) : _dog(dog) {
    Lock lock(_dog._mutex);
    _entry = _dog._watched.emplace(deadline, socket);
    if (_entry == _dog._watched.begin()) _dog._changed.notifyOne();
}

SocketWatchdog::Watch::~Watch() {
    Lock lock(_dog._mutex);
    _dog._watched.erase(_entry);
}

SocketWatchdog::SocketWatchdog() : _thread([this] { work(); }) {}

SocketWatchdog::~SocketWatchdog() {
    {
        Lock lock(_mutex);
        _stop = true;
        _changed.notifyOne();
    }
    _thread.join();
}

void SocketWatchdog::work() {
    Lock lock(_mutex);
    while (!_stop) {
        const Instant now = std::chrono::steady_clock::now();
        Instant next = now + std::chrono::hours(1);
        for (auto& [deadline, socket] : _watched) {
            if (socket < 0) continue;
            if (deadline > now) {
                next = deadline;
                break;
            }
            // Under the lock: the number cannot be closed and given to another file meanwhile.
            ::shutdown(socket, SHUT_RDWR);
            socket = -1;
        }
        _changed.waitUntil(lock, next);
    }
}

} // namespace usher
