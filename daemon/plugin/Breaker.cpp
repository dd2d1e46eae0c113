#include "plugin/Breaker.h"

#include <algorithm>

namespace usher {

Breaker::Pass Breaker::ask(Instant now, Number& number) {
    if (_open && now < _nextProbe) return Pass::no;
    number = _next++;
    _missed.reset(number % kRemembered);
    if (!_open) return Pass::yes;
    _nextProbe = now + std::chrono::seconds(1);
    return Pass::probe;
}

bool Breaker::answered(Number number, bool probe) {
    if (_open) {
        if (probe) close();
        return probe;
    }
    if (number <= _lastAnswered || number < _first) return false;
    _lastAnswered = number;
    if (!_since.empty()) std::erase_if(_since, [&](Number missed) { return missed < number; });
    return false;
}

bool Breaker::missed(Number number, Instant now) {
    if (_open || number < _first) return false;
    _missed.set(number % kRemembered);
    if (number > _lastAnswered) _since.push_back(number);
    if (_since.size() < kInARow && !halfMissedAround(number)) return false;
    _open = true;
    _nextProbe = now + std::chrono::seconds(1);
    return true;
}

bool Breaker::halfMissedAround(Number number) const {
    // Any window with it, for calls that are overdue together come in no order.
    const Number begin = std::max({_first, number - std::min(number, Number{kOfLast - 1}),
                                   _next - std::min(_next, kRemembered)}),
                 end = std::min(_next, number + kOfLast);
    std::size_t count = 0;
    for (Number at = begin; at < end; ++at) {
        count += _missed.test(at % kRemembered);
        if (at - begin >= kOfLast) count -= _missed.test((at - kOfLast) % kRemembered);
        if (count >= kOfLast / 2) return true;
    }
    return false;
}

void Breaker::close() {
    _open = false;
    _first = _next;
    _since.clear();
    _missed.reset();
}

} // namespace usher
