#pragma once

#include "base/Clock.h"

#include <usher/ext/timer.h>

#include <map>
#include <vector>

namespace usher {

/// The timers of one plugin instance (usher.timer/1). Not synchronised: its owner's lock.
class PluginTimers {
public:
    static constexpr std::size_t kMost = 16;

    /// 0: too many.
    usher_timer_id start(std::chrono::milliseconds period, Instant now) {
        if (_timers.size() >= kMost) return 0;
        const usher_timer_id id = ++_last;
        _timers[id] = {period, now + period, false};
        return id;
    }
    void stop(usher_timer_id id) { _timers.erase(id); }
    /// Those whose time has come and that are not being served; they count as being served now.
    std::vector<usher_timer_id> due(Instant now) {
        std::vector<usher_timer_id> ids;
        for (auto& [id, timer] : _timers)
            if (timer.next <= now && !timer.serving) {
                timer.serving = true;
                timer.next = now + timer.period;
                ids.push_back(id);
            }
        return ids;
    }
    /// False: it has been stopped meanwhile.
    bool running(usher_timer_id id) const { return _timers.count(id) > 0; }
    void served(usher_timer_id id) {
        if (auto found = _timers.find(id); found != _timers.end()) found->second.serving = false;
    }

private:
    struct Timer {
        std::chrono::milliseconds period;
        Instant next;
        bool serving;
    };
    usher_timer_id _last = 0;
    std::map<usher_timer_id, Timer> _timers;
};

} // namespace usher
