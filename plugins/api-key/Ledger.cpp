#include "Ledger.h"

namespace usher::apikey {

void Ledger::put(usher_call call, Entry entry) {
    plugin::Lock lock(_mutex);
    _entries.insert_or_assign(call, std::move(entry));
}

std::optional<Ledger::Entry> Ledger::take(usher_call call) {
    plugin::Lock lock(_mutex);
    const auto found = _entries.find(call);
    if (found == _entries.end()) return std::nullopt;
    Entry entry = std::move(found->second);
    _entries.erase(found);
    return entry;
}

} // namespace usher::apikey
