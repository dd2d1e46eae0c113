#pragma once

#include "Columns.h"

namespace usher::apikey {

/// Rewrites keys that are stored in older forms to today's, all of them, whether they are used or not. A
/// piece at a time, in the order of their ids, so that neither the one writer of SQLite nor the rows are held
/// for long, and so that a million keys need no long request. Repeating it is harmless. Throws what
/// Database.h says. [any-thread]
class HardenStore {
public:
    struct Result {
        std::int64_t fromHex = 0, fromClear = 0, unchanged = 0;
        /// Ids of rows that are in no form we know: neither a digest, nor a key that begins with its `start`;
        /// or whose digest another row holds already. They are left alone.
        std::vector<std::string> skipped;
        std::string next; ///< the last id that was looked at; empty: that was the end
    };

    HardenStore(plugin::Database& database, const Columns& columns);

    /// Goes on after the id `after`; empty: from the beginning.
    Result harden(plugin::Deadline deadline, const std::string& after);

private:
    plugin::Database& _database;
    const bool _postgres;
    const std::string _some, _rewrite;
};

} // namespace usher::apikey
