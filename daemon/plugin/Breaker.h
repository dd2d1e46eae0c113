#pragma once

#include "base/Clock.h"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace usher {

/// Takes a plugin out of service that keeps missing deadlines: after 10 misses since the newest call that was
/// answered, or half of any 100 calls in a row, callers are refused at once, and once a second one call is
/// let through as a probe; a probe that is answered in time closes it.
///
/// What counts is the order in which calls are asked, not the order in which they end. A miss ends at its
/// deadline, long after answers to later calls: by ends, a late answer to an old call would hide that nothing
/// is answered any more, and one call in ten that hangs would look like ten in a row whenever the sweeper
/// finds ten at once. Not synchronised: its owner's lock.
class Breaker {
public:
    enum class Pass { yes, probe, no };
    /// A call's place in the order; nothing for those that are refused.
    using Number = std::uint64_t;

    /// `number` is set unless the answer is `no`.
    Pass ask(Instant now, Number& number);
    /// True: this closed it. A call from before it opened says nothing about now, so only a probe closes.
    bool answered(Number number, bool probe);
    /// True: this opened it.
    bool missed(Number number, Instant now);
    bool isOpen() const { return _open; }

private:
    static constexpr std::size_t kInARow = 10, kOfLast = 100;
    static constexpr Number kRemembered = 1 << 14; ///< more than calls in flight at once
    bool halfMissedAround(Number number) const;
    void close();

    bool _open = false;
    Instant _nextProbe{};
    Number _next = 1;           ///< of the next call
    Number _first = 1;          ///< calls before this one do not count: they are from before it closed
    Number _lastAnswered = 0;   ///< the newest
    std::vector<Number> _since; ///< missed ones that are newer, less than kInARow
    std::bitset<kRemembered> _missed;
};

} // namespace usher
