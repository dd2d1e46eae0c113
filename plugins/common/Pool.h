#pragma once

#include "common/Database.h"
#include "common/Mutex.h"

#include <atomic>

namespace usher::plugin {

/// Lends at most `limit` connections at once and keeps those that come back in order. Connecting and closing
/// happen outside the lock: one slow server never stops a thread that gives a connection back. [any-thread]
template <class Connection>
class Pool {
public:
    explicit Pool(std::size_t limit) : _limit(limit) {}

    /// An idle connection, or null: make one. Either way the caller holds a place, until giveBack(). Throws
    /// DatabaseUnavailable when none is free before the deadline.
    std::unique_ptr<Connection> borrow(Deadline deadline) {
        Lock lock(_mutex);
        while (_lent >= _limit)
            if (!_freed.waitUntil(lock, deadline) && _lent >= _limit)
                throw DatabaseUnavailable("every database connection is busy");
        ++_lent;
        if (_idle.empty()) return nullptr;
        std::unique_ptr<Connection> connection = std::move(_idle.back());
        _idle.pop_back();
        return connection;
    }

    /// Null when the connection broke.
    void giveBack(std::unique_ptr<Connection> connection) {
        Lock lock(_mutex);
        --_lent;
        if (connection) _idle.push_back(std::move(connection));
        _freed.notifyOne();
    }

private:
    const std::size_t _limit;
    Mutex _mutex;
    Condition _freed;
    std::size_t _lent PLUGIN_GUARDED_BY(_mutex) = 0;
    std::vector<std::unique_ptr<Connection>> _idle PLUGIN_GUARDED_BY(_mutex);
};

/// What the last attempt to reach the database came to. [any-thread]
class LastAttempt {
public:
    void succeeded() {
        if (!_failed.load(std::memory_order_relaxed)) return; // the usual case costs no lock
        Lock lock(_mutex);
        _failed = false;
        _reason.clear();
    }
    void failed(const std::string& reason) {
        Lock lock(_mutex);
        _failed = true;
        _reason = reason;
    }
    bool healthy(std::string& reason) const {
        if (!_failed.load(std::memory_order_relaxed)) return true;
        Lock lock(_mutex);
        reason = _reason;
        return !_failed;
    }

private:
    mutable Mutex _mutex;
    std::atomic<bool> _failed{false};
    std::string _reason PLUGIN_GUARDED_BY(_mutex);
};

} // namespace usher::plugin
