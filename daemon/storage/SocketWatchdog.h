#pragma once

#include "base/Clock.h"
#include "base/Mutex.h"

#include <map>
#include <thread>

namespace usher {

/// Ends calls that cannot be told to end: Poco and libpq's blocking calls wait for a frozen server for ever,
/// and no statement_timeout fires in a process that does not run. When the deadline of a watched socket
/// passes, the watchdog shuts it down, and the blocked call returns with an error. One thread for all
/// sockets; it is joined by the destructor. [any-thread]
class SocketWatchdog {
public:
    /// Watches from its construction to its destruction. The socket stays open that long.
    class Watch {
    public:
        Watch(SocketWatchdog& dog, int socket, Instant deadline);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

    private:
        SocketWatchdog& _dog;
        std::multimap<Instant, int>::iterator _entry;
    };

    SocketWatchdog();
    ~SocketWatchdog();

private:
    void work();

    Mutex _mutex;
    Condition _changed;
    std::multimap<Instant, int> _watched GUARDED_BY(_mutex); ///< socket, or -1 once it was shut down
    bool _stop GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
