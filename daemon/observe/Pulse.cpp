#include "observe/Pulse.h"

namespace usher {

Pulse::Pulse(std::function<void()> feed, std::function<void(const std::string&)> report)
    : _feed(std::move(feed)), _report(std::move(report)) {}

void Pulse::add(std::string name, Turns turns) {
    _parts.push_back({std::move(name), std::move(turns)});
}

bool Pulse::look() {
    std::string still;
    for (const Part& part : _parts)
        if (part.turns() == part.seen) still += (still.empty() ? "" : ", ") + part.name;
    if (!still.empty()) {
        // Slow parts take a second or two a turn; the second look in a row is worth a line.
        if (++_idleLooks == 2) _report("standing still: " + still);
        return false;
    }
    _idleLooks = 0;
    for (Part& part : _parts) part.seen = part.turns();
    _feed();
    return true;
}

void Pulse::start(std::chrono::microseconds patience) {
    _thread = std::thread([this, patience] {
        Lock lock(_mutex);
        while (!_stopping) {
            lock.unlock();
            look();
            lock.lock();
            auto until = std::chrono::steady_clock::now() + patience / 4;
            while (!_stopping && std::chrono::steady_clock::now() < until) _changed.waitUntil(lock, until);
        }
    });
}

void Pulse::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

} // namespace usher
