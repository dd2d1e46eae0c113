#pragma once

#include "Histogram.h"

#include <string>
#include <vector>

namespace bench {

struct SqliteResult {
    std::uint64_t rows = 0;
    std::uint64_t busy = 0; ///< transactions that gave up after 5 s of waiting for the lock
    double seconds = 0;
    Histogram latency;
};

/// The obvious way, for comparison: so many threads, each with a connection of its own, each trigger a
/// transaction of its own (BEGIN IMMEDIATE, one INSERT into runs, COMMIT; WAL, synchronous FULL), into the
/// daemon's own schema. Throws std::runtime_error.
SqliteResult runSqliteWriters(const std::string& file, int writers, double seconds,
                              const std::vector<std::string>& jobIds);

} // namespace bench
