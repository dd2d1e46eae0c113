#pragma once

#include "common/Mutex.h"

#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace usher::session {

/// Slows down guessing of passwords. [any-thread]
///
/// DESIGN. Failures are counted in memory under three names: the account together with the address (an IPv6
/// address by its /64), the address alone, and the account alone.
/// - From the 5th failure of one account from one address on, that pair waits 2 s, 4 s, 8 s, … up to 15
/// minutes.
/// - From the 12th failure of one address on (any accounts) that address waits 2 s, 4 s, … up to 60 s.
/// - An account never waits as a whole, or anybody could lock its owner out. But once it has seen 20
/// failures, from
///   wherever, a new address has one failure instead of five before it waits: a guesser who changes addresses
///   gains nothing, and the owner with the right password gets in at the first try.
/// While a name waits, the right password is refused too: otherwise waiting would not slow a guesser. Refused
/// attempts do not lengthen the wait. What has been quiet for 15 minutes is forgotten; of more than
/// `capacity` names the one that was quiet longest is.
class Throttle {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Now = std::function<Time()>;

    explicit Throttle(Now now, std::size_t capacity = 10'000);

    /// 0: try, and then say how it ended by failed(), succeeded() or undecided(). Until then it counts as a
    /// failure, so that attempts at the same time do not slip through. Else: how long to wait.
    std::chrono::seconds tryBegin(std::string_view account, std::string_view address);
    void failed(std::string_view account, std::string_view address);
    void succeeded(std::string_view account, std::string_view address);
    /// Nobody looked at the password (overload, database away).
    void undecided(std::string_view account, std::string_view address);

    std::size_t size() const;

private:
    struct Entry {
        std::string name;
        int failures = 0;
        Time until{}, last{};
    };
    using Entries = std::list<Entry>;

    Entry& touch(const std::string& name, Time now) PLUGIN_REQUIRES(_mutex);
    void takeBack(const std::string& name, Time now, bool forgetAll) PLUGIN_REQUIRES(_mutex);
    void schedule(const std::string& pair, const std::string& address, const std::string& account, Time now)
        PLUGIN_REQUIRES(_mutex);

    const Now _now;
    const std::size_t _capacity;
    mutable plugin::Mutex _mutex;
    Entries _entries PLUGIN_GUARDED_BY(_mutex); ///< most recently touched first
    std::unordered_map<std::string, Entries::iterator> _byName PLUGIN_GUARDED_BY(_mutex);
};

} // namespace usher::session
