#include "observe/Health.h"

namespace usher {

void Health::start() {
    {
        Lock lock(_mutex);
        for (const Named& named : _probes) {
            _parts.push_back({named.name, false, "not asked yet"});
            _asked.push_back({});
        }
    }
    _thread = std::thread([this] { run(); });
}

void Health::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

std::vector<Health::Part> Health::parts() const {
    Lock lock(_mutex);
    std::vector<Part> parts = _parts;
    Instant now = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (_asked[i] != Instant{} && now - _asked[i] > std::chrono::milliseconds(1500))
            parts[i] = {parts[i].name, false, "does not answer"};
    return parts;
}

void Health::run() {
    Lock lock(_mutex);
    while (!_stopping) {
        for (std::size_t i = 0; i < _probes.size() && !_stopping; ++i) {
            _asked[i] = std::chrono::steady_clock::now();
            lock.unlock();
            std::string problem = _probes[i].probe();
            lock.lock();
            _asked[i] = {};
            _parts[i] = {_probes[i].name, problem.empty(), problem};
        }
        _turns.fetch_add(1, std::memory_order_relaxed);
        Instant until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
        while (!_stopping && std::chrono::steady_clock::now() < until) _changed.waitUntil(lock, until);
    }
}

} // namespace usher
