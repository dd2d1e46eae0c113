#pragma once

#include "Columns.h"

#include <unordered_map>

namespace usher::apikey {

/// Writes `request_count` and `last_request`: the two columns that may lag by a second. [any-thread]
class UsageStore {
public:
    struct Use {
        std::int64_t count = 0;
        std::int64_t lastMicros = 0;
    };
    using Uses = std::unordered_map<std::string, Use>; ///< by key id

    UsageStore(plugin::Database& database, const Columns& columns);

    /// Removes from `uses` what it wrote; what stays belongs to rows that somebody holds just now.
    void record(plugin::Deadline deadline, Uses& uses);

private:
    plugin::Database& _database;
    const bool _postgres;
    const std::string _record;
};

} // namespace usher::apikey
