#pragma once

#include "base/Address.h"
#include "base/Clock.h"
#include "base/Mutex.h"

#include <list>
#include <string>
#include <unordered_map>
#include <vector>

namespace usher {

/// Counts guesses (credentials that do not exist) by address, IPv6 by its /64, in the host, so that it serves
/// every plugin. It only ever judges failures: a valid credential is answered from anywhere, always. Memory
/// is bounded: at most `capacity` addresses; the one that was quiet longest is forgotten first. [any-thread]
class GuessThrottle {
public:
    enum class Action { answer, delay, refuse };
    static constexpr int kFree = 20;     ///< in a window: answered at once
    static constexpr int kDelayed = 100; ///< up to here: answered kDelay later; past it: refused for kWindow
    static constexpr std::chrono::milliseconds kDelay{250};
    static constexpr std::chrono::seconds kWindow{60};

    /// `exempt`: whose guesses are not counted.
    explicit GuessThrottle(std::vector<Cidr> exempt = {}, std::size_t capacity = 100'000)
        : _exempt(std::move(exempt)), _capacity(capacity) {}

    /// One more guess from this address.
    Action count(const std::string& address, Instant now);

private:
    struct Source {
        std::string key;
        Instant windowStart;
        int guesses = 0;
        Instant refusedUntil{};
    };
    using Sources = std::list<Source>; ///< most recently counted first

    std::vector<Cidr> _exempt;
    std::size_t _capacity;
    Mutex _mutex;
    Sources _sources GUARDED_BY(_mutex);
    std::unordered_map<std::string, Sources::iterator> _index GUARDED_BY(_mutex);
};

} // namespace usher
