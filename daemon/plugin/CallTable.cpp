#include "plugin/CallTable.h"

#include <algorithm>

namespace usher {

CallSlot* CallTable::open(std::shared_ptr<const AuthRequest> request, Instant deadline) {
    std::uint32_t place;
    if (!_free.empty()) {
        place = _free.back();
        _free.pop_back();
    } else {
        if (_slots.size() >= _capacity) return nullptr;
        place = static_cast<std::uint32_t>(_slots.size());
        _slots.emplace_back();
        _generations.push_back(0);
        _deadlines.push_back(Instant::max());
        _free.reserve(_slots.size()); // release() must not fail
    }
    if (++_generations[place] == 0) ++_generations[place]; // 0|0 would be "no call"
    CallSlot& slot = _slots[place];
    slot.handle = std::uint64_t{_generations[place]} << 32 | place;
    slot.open = true;
    slot.request = std::move(request);
    slot.deadline = _deadlines[place] = deadline;
    ++_open;
    return &slot;
}

CallSlot* CallTable::find(usher_call call) {
    const std::size_t place = index(call);
    if (call == 0 || place >= _slots.size() || _slots[place].handle != call) return nullptr;
    return &_slots[place];
}

void CallTable::answer(CallSlot& slot) {
    slot.open = false;
    _deadlines[index(slot.handle)] = Instant::max();
    --_open;
}

CallRemains CallTable::release(CallSlot& slot) {
    if (slot.open || slot.inside || slot.settling || slot.retained > 0) return {};
    CallRemains remains{std::move(slot.request), std::move(slot.route)};
    _free.push_back(static_cast<std::uint32_t>(index(slot.handle)));
    slot.handle = 0;
    slot.entered = slot.probe = slot.inlined = false;
    slot.done = nullptr;
    if (slot.fields.capacity() > 256) slot.fields = {};
    return remains;
}

Instant CallTable::findOverdue(Instant now, std::vector<CallSlot*>& overdue) {
    Instant next = Instant::max();
    if (_open == 0) return next;
    for (std::size_t i = 0; i < _deadlines.size(); ++i) {
        if (_deadlines[i] <= now)
            overdue.push_back(&_slots[i]);
        else
            next = std::min(next, _deadlines[i]);
    }
    return next;
}

void CallTable::findDropped(Instant now, std::vector<CallSlot*>& dropped) {
    if (_open == 0) return;
    for (std::size_t i = 0; i < _deadlines.size(); ++i) {
        if (_deadlines[i] <= now || _deadlines[i] == Instant::max()) continue;
        const std::shared_ptr<Askers>& askers = _slots[i].request->askers;
        if (askers && askers->drop()) dropped.push_back(&_slots[i]);
    }
}

bool CallTable::anyInlineSince(Instant time) const {
    for (const CallSlot& slot : _slots)
        if (slot.inlined && slot.enteredAt < time) return true;
    return false;
}

} // namespace usher
