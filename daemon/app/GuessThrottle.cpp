#include "app/GuessThrottle.h"

namespace usher {

GuessThrottle::Action GuessThrottle::count(const std::string& address, Instant now) {
    if (anyContains(_exempt, address)) return Action::answer;
    std::string key = throttleSource(address);
    Lock lock(_mutex);
    auto found = _index.find(key);
    if (found == _index.end()) {
        if (_sources.size() >= _capacity) {
            _index.erase(_sources.back().key);
            _sources.pop_back();
        }
        _sources.push_front({key, now, 0, {}});
        found = _index.emplace(key, _sources.begin()).first;
    } else {
        _sources.splice(_sources.begin(), _sources, found->second);
    }
    Source& source = *found->second;
    if (now < source.refusedUntil) return Action::refuse;
    if (now - source.windowStart >= kWindow) {
        source.windowStart = now;
        source.guesses = 0;
    }
    ++source.guesses;
    if (source.guesses > kDelayed) {
        source.refusedUntil = now + kWindow;
        return Action::refuse;
    }
    return source.guesses > kFree ? Action::delay : Action::answer;
}

} // namespace usher
