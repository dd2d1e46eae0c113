#pragma once

#include "common/Mutex.h"

#include <usher/auth.hpp>

#include <optional>
#include <string>
#include <unordered_map>

namespace usher::apikey {

/// What an allowed trigger has cost, from the verdict to its settlement: the host names the call, the ledger
/// knows the rest. [any-thread]
class Ledger {
public:
    struct Entry {
        std::string keyId;
        std::int64_t spend = 0; ///< row of apikey_spend, 0: it cost nothing
    };

    void put(usher_call call, Entry entry);
    std::optional<Entry> take(usher_call call);

private:
    plugin::Mutex _mutex;
    std::unordered_map<usher_call, Entry> _entries PLUGIN_GUARDED_BY(_mutex);
};

} // namespace usher::apikey
