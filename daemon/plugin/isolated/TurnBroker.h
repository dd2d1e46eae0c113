#pragma once

#include "base/Mutex.h"
#include "domain/WriterTurn.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <thread>

namespace usher {

/// Takes the database's writer turn on behalf of a helper process: waiting for it may take long, so it has a
/// thread of its own. One turn at a time, because one process has it; given back when the helper says so or
/// dies. [any-thread]
class TurnBroker {
public:
    /// `granted(number, yes)` is called on the broker's thread. `tooLong` when a turn is held for 2 s: the
    /// helper is to be killed, which gives it back.
    TurnBroker(WriterTurn& turn, std::function<void(std::uint64_t, bool)> granted,
               std::function<void()> tooLong);
    /// Gives back, ends.
    ~TurnBroker();

    void acquire(std::uint64_t number, Instant deadline);
    void release();
    /// The helper is gone: nobody waits any more, and nothing is held.
    void lost();

private:
    struct Request {
        std::uint64_t number;
        Instant deadline;
    };
    void serve();

    WriterTurn& _turn;
    const std::function<void(std::uint64_t, bool)> _granted;
    const std::function<void()> _tooLong;
    Mutex _mutex;
    Condition _change;
    std::deque<Request> _queue GUARDED_BY(_mutex);
    bool _held GUARDED_BY(_mutex) = false;
    std::uint64_t
        _lives GUARDED_BY(_mutex) = 0; ///< of helpers; one that is asked for in a former life is not granted
    bool _ending GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
