#pragma once

#include "base/Clock.h"

namespace usher {

/// SQLite has one writer, and its lock is not fair: whoever polls luckiest wins, for seconds. Every writer of
/// the file (the store, each plugin) therefore waits here first, first come first served. On PostgreSQL
/// nobody asks. [any-thread]
class WriterTurn {
public:
    virtual ~WriterTurn() = default;
    /// False: the deadline passed first. A turn is to be held for at most 20 ms.
    virtual bool acquire(Instant deadline) = 0;
    virtual void release() = 0;
};

} // namespace usher
