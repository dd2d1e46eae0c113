#pragma once

#include "base/Clock.h"

#include <bitset>
#include <cstddef>

namespace usher {

/// Takes a plugin out of service that keeps missing deadlines: after 10 in a row, or half of the last 100,
/// callers are refused at once, and once a second one call is let through as a probe; a probe that is
/// answered in time closes it. Not synchronised: its owner's lock.
class Breaker {
public:
    enum class Pass { yes, probe, no };

    Pass ask(Instant now) {
        if (!_open) return Pass::yes;
        if (now < _nextProbe) return Pass::no;
        _nextProbe = now + std::chrono::seconds(1);
        return Pass::probe;
    }
    /// True: this closed it. A call from before it opened says nothing about now, so only a probe closes.
    bool answered(bool probe) {
        if (_open && !probe) return false;
        bool closed = _open;
        if (closed) *this = Breaker();
        record(false);
        return closed;
    }
    /// True: this opened it.
    bool missed(Instant now) {
        if (_open) return false;
        record(true);
        if (_inARow < kInARow && _window.count() < kOfLast / 2) return false;
        _open = true;
        _nextProbe = now + std::chrono::seconds(1);
        return true;
    }
    bool isOpen() const { return _open; }

private:
    static constexpr std::size_t kInARow = 10, kOfLast = 100;
    void record(bool miss) {
        _inARow = miss ? _inARow + 1 : 0;
        _window.set(_at, miss);
        _at = (_at + 1) % kOfLast;
    }
    bool _open = false;
    Instant _nextProbe{};
    std::size_t _inARow = 0, _at = 0;
    std::bitset<kOfLast> _window;
};

} // namespace usher
