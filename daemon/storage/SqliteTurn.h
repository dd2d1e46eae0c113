#pragma once

#include "base/Mutex.h"
#include "domain/WriterTurn.h"

#include <deque>

namespace usher {

/// The queue of writers of one SQLite file: tickets, first come first served, each waiter woken by itself
/// (one condition for all would wake every writer at each commit). Who acquired need not be the thread that
/// releases. [any-thread]
class SqliteTurn final : public WriterTurn {
public:
    bool acquire(Instant deadline) override;
    void release() override;

private:
    struct Waiter {
        Condition granted;
        bool mine = false;
    };

    Mutex _mutex;
    bool _held GUARDED_BY(_mutex) = false;
    std::deque<Waiter*> _queue GUARDED_BY(_mutex); ///< on the stacks of their threads
};

} // namespace usher
