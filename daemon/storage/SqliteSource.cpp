#include "storage/SqliteSource.h"

#include "domain/Errors.h"

#include <Poco/Exception.h>

namespace usher {

SqliteSource::SqliteSource(std::string path, int readers) : _path(std::move(path)), _mayOpen(readers) {}

namespace {

/// Poco's exceptions name no cause that one could act on; the handle does.
void runWork(SqliteConnection& connection, const SqlSource::Work& work) {
    try {
        work(connection.session());
    } catch (const Poco::Exception& error) {
        int code = sqlite3_extended_errcode(connection.handle());
        if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
            SqliteConnection::fail(connection.handle(), code);
        throw std::runtime_error("SQLite: " + error.displayText());
    }
}

} // namespace

void SqliteSource::read(const Work& work) {
    read(storageDeadline(), [&](SqliteConnection& connection) { runWork(connection, work); });
}

void SqliteSource::write(const Work& work) {
    write(storageDeadline(), [&](SqliteConnection& connection) { runWork(connection, work); });
}

void SqliteSource::read(Instant deadline, const Use& use) {
    auto connection = borrow(deadline);
    try {
        connection->setDeadline(deadline);
        use(*connection);
    } catch (const StorageUnavailable& error) {
        note(error.what());
        connection.reset(); // a broken file may have been replaced: open it anew
        giveBack(nullptr);
        throw;
    } catch (...) {
        giveBack(std::move(connection));
        throw;
    }
    giveBack(std::move(connection));
    note({});
}

void SqliteSource::write(Instant deadline, const Use& use) {
    write(deadline, use, false);
}

void SqliteSource::writeLazily(Instant deadline, const Use& use) {
    write(deadline, use, true);
}

void SqliteSource::write(Instant deadline, const Use& use, bool lazily) {
    if (!_turn.acquire(deadline))
        throw StorageUnavailable("SQLite: other writers took all the time there was");
    struct Turn {
        SqliteTurn& turn;
        ~Turn() { turn.release(); }
    } turn{_turn};
    try {
        if (!_writer) _writer = std::make_unique<SqliteConnection>(_path);
        // With a write-ahead log, NORMAL leaves out the sync of this commit only: the next one in FULL brings
        // both to disk.
        if (lazily) _writer->script("PRAGMA synchronous = NORMAL");
        transact(deadline, use);
        if (lazily && _writer) _writer->script("PRAGMA synchronous = FULL");
    } catch (const StorageUnavailable& error) {
        note(error.what());
        _writer.reset();
        throw;
    } catch (...) {
        if (lazily) _writer.reset(); // its setting with it
        throw;
    }
    note({});
}

void SqliteSource::transact(Instant deadline, const Use& use) {
    _writer->setDeadline(deadline);
    _writer->script("BEGIN IMMEDIATE");
    try {
        use(*_writer);
        // A commit is not given up half-way because the clock ran out.
        _writer->setDeadline(Instant::max());
        _writer->script("COMMIT");
    } catch (...) {
        // SQLite rolls back by itself after some errors; what is left open would hold everybody.
        _writer->setDeadline(Instant::max());
        if (_writer->inTransaction() &&
            sqlite3_exec(_writer->handle(), "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK)
            _writer.reset();
        throw;
    }
}

std::unique_ptr<SqliteConnection> SqliteSource::borrow(Instant deadline) {
    Lock lock(_mutex);
    while (_idle.empty() && _mayOpen == 0)
        if (_returned.waitUntil(lock, deadline) == std::cv_status::timeout && _idle.empty() && _mayOpen == 0)
            throw StorageUnavailable("SQLite: all readers are busy");
    if (!_idle.empty()) {
        auto connection = std::move(_idle.back());
        _idle.pop_back();
        return connection;
    }
    --_mayOpen;
    lock.unlock();
    try {
        return std::make_unique<SqliteConnection>(_path);
    } catch (const std::exception& error) {
        note(error.what());
        giveBack(nullptr);
        throw;
    }
}

void SqliteSource::giveBack(std::unique_ptr<SqliteConnection> connection) {
    Lock lock(_mutex);
    if (connection)
        _idle.push_back(std::move(connection));
    else
        ++_mayOpen;
    _returned.notifyOne();
}

void SqliteSource::note(const std::string& problem) {
    Lock lock(_mutex);
    if (_problem != problem) _problem = problem;
}

bool SqliteSource::healthy(std::string& reason) const {
    Lock lock(_mutex);
    reason = _problem;
    return _problem.empty();
}

} // namespace usher
