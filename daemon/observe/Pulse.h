#pragma once

#include "base/Mutex.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace usher {

/// Tells the service manager that we live, as long as every part that must never stand still has moved since
/// it was last told. A part counts its turns, whether they went well or not: an outage of the database is no
/// reason to be restarted, a thread that hangs is. A thread of its own looks four times in `patience`. Owned
/// by main; add() before start().
class Pulse {
public:
    using Turns = std::function<std::uint64_t()>; ///< [any-thread]; never blocks

    /// `feed` is called when all have moved; `report` gets a line when one stands still. Both on our thread.
    Pulse(std::function<void()> feed, std::function<void(const std::string&)> report);
    ~Pulse() { stop(); }

    void add(std::string name, Turns turns);
    void start(std::chrono::microseconds patience);
    void stop();
    /// One look; start()'s thread does this. True when it fed.
    bool look();

private:
    struct Part {
        std::string name;
        Turns turns;
        std::uint64_t seen = 0;
    };

    const std::function<void()> _feed;
    const std::function<void(const std::string&)> _report;
    std::vector<Part> _parts; ///< [pulse thread], after start()
    int _idleLooks = 0;       ///< likewise
    Mutex _mutex;
    Condition _changed;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
