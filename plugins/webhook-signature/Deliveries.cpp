#include "Deliveries.h"

namespace usher::webhooks {

Deliveries::Claim Deliveries::claim(const std::string& delivery, usher_call call, std::int64_t now) {
    plugin::Lock lock(_mutex);
    while (!_order.empty() && _order.front().second <= now - _keepSeconds) {
        const auto old = _taken.find(_order.front().first);
        // Given back and claimed anew, it has a later entry of its own.
        if (old != _taken.end() && old->second == _order.front().second) _taken.erase(old);
        _order.pop_front();
    }
    if (_taken.count(delivery)) return Claim::again;
    if (_order.size() >= _capacity) return Claim::full;
    _taken.emplace(delivery, now);
    _order.emplace_back(delivery, now);
    _open.emplace(call, delivery);
    return Claim::first;
}

void Deliveries::settle(usher_call call, bool carriedOut) {
    plugin::Lock lock(_mutex);
    const auto open = _open.find(call);
    if (open == _open.end()) return;
    if (!carriedOut) _taken.erase(open->second);
    _open.erase(open);
}

} // namespace usher::webhooks
