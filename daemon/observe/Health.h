#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace usher {

/// What /readyz says: each part with its state. A thread of its own asks the slow ones (the database) every
/// second, so that the answer never waits for anything. [any-thread]
class Health {
public:
    struct Part {
        std::string name;
        bool ok = false;
        std::string detail; ///< why not
    };
    /// Empty: fine. Otherwise why not. May block for a second or two; must not throw.
    using Probe = std::function<std::string()>;

    ~Health() { stop(); }
    /// Before start().
    void add(std::string name, Probe probe) { _probes.push_back({std::move(name), std::move(probe)}); }
    void start();
    void stop();
    std::vector<Part> parts() const;
    /// Counts up whenever all have been asked and have answered, well or not.
    std::uint64_t turns() const { return _turns.load(std::memory_order_relaxed); }

private:
    struct Named {
        std::string name;
        Probe probe;
    };
    void run();

    std::vector<Named> _probes;
    mutable Mutex _mutex;
    mutable Condition _changed;
    std::vector<Part> _parts GUARDED_BY(_mutex);
    std::vector<Instant> _asked GUARDED_BY(_mutex); ///< when the probe under way began; epoch: none is
    bool _stopping GUARDED_BY(_mutex) = false;
    std::atomic<std::uint64_t> _turns = 0;
    std::thread _thread;
};

} // namespace usher
