#pragma once

#include "base/Mutex.h"
#include "domain/Run.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace usher {

/// Tells whoever watches a run that there is something new: more in its journal, or another state. It carries
/// no output itself: watchers read the files at their own pace. Changes of one run are merged while they
/// wait. Watchers are called on the feed's own thread, must be short and must not throw. [any-thread]
class RunFeed {
public:
    struct Change {
        bool journal = false;
        std::optional<RunStatus> status; ///< the newest
        int attempt = 0;
    };
    using Watcher = std::function<void(const Change&)>;

    /// Ends the watch when it goes. The watcher may still be running on the feed's thread at that moment.
    class Watch {
    public:
        Watch() = default;
        Watch(RunFeed* feed, std::string runId, std::uint64_t id)
            : _feed(feed), _runId(std::move(runId)), _id(id) {}
        Watch(Watch&& other) noexcept { *this = std::move(other); }
        Watch& operator=(Watch&& other) noexcept {
            std::swap(_feed, other._feed);
            std::swap(_runId, other._runId);
            std::swap(_id, other._id);
            return *this;
        }
        ~Watch() {
            if (_feed) _feed->unwatch(_runId, _id);
        }

    private:
        RunFeed* _feed = nullptr;
        std::string _runId;
        std::uint64_t _id = 0;
    };

    ~RunFeed() { stop(); }
    void start();
    void stop();

    Watch watch(const std::string& runId, Watcher watcher);
    void journalGrew(const std::string& runId);
    void stateChanged(const std::string& runId, RunStatus status, int attempt);
    /// The runs that somebody watches, in no order.
    std::vector<std::string> watched();

private:
    friend class Watch;
    void unwatch(const std::string& runId, std::uint64_t id);
    void run();

    struct Entry {
        std::uint64_t id;
        std::shared_ptr<Watcher> watcher; ///< shared: called outside the lock while it may be removed
    };
    Mutex _mutex;
    Condition _changed;
    std::uint64_t _nextId GUARDED_BY(_mutex) = 1;
    std::unordered_map<std::string, std::vector<Entry>> _watchers GUARDED_BY(_mutex);
    std::unordered_map<std::string, Change> _changes GUARDED_BY(_mutex);
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
