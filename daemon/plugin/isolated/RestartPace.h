#pragma once

#include "base/Clock.h"

#include <algorithm>
#include <deque>

namespace usher {

/// When a helper that was lost is started again: at once; after 3 losses in 10 s with a pause that doubles up
/// to 5 s, until one has lived for 10 s. Not synchronised: its owner's lock.
class RestartPace {
public:
    void started(Instant now) { _startedAt = now; }
    /// The pause before the next start.
    std::chrono::milliseconds lost(Instant now) {
        using namespace std::chrono_literals;
        if (now - _startedAt >= 10s) _pause = 0ms;
        _losses.push_back(now);
        while (!_losses.empty() && now - _losses.front() > 10s) _losses.pop_front();
        if (_losses.size() > 3 || _pause > 0ms)
            _pause = std::clamp<std::chrono::milliseconds>(_pause * 2, 200ms, 5000ms);
        return _pause;
    }

private:
    Instant _startedAt{};
    std::chrono::milliseconds _pause{0};
    std::deque<Instant> _losses;
};

} // namespace usher
