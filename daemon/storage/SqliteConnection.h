#pragma once

#include "base/Clock.h"

#include <Poco/Data/Session.h>
#include <sqlite3.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace usher {

/// One use of a prepared statement; rewinds it when it goes. Binds by position from 1, reads by column from
/// 0. sqlite3 itself, because Poco prepares every Statement anew, which costs more than the insert of a row.
class SqliteStatement {
public:
    explicit SqliteStatement(sqlite3_stmt* statement) : _statement(statement) {}
    SqliteStatement(SqliteStatement&& other) noexcept
        : _statement(std::exchange(other._statement, nullptr)) {}
    ~SqliteStatement();
    SqliteStatement(const SqliteStatement&) = delete;
    SqliteStatement& operator=(const SqliteStatement&) = delete;

    /// Texts are not copied: they must live until the statement has run.
    template <class... Values>
    SqliteStatement& with(const Values&... values) {
        _next = 1;
        (bind(values), ...);
        return *this;
    }
    /// True: there is a row. Throws like SqliteConnection.
    bool step();
    /// Runs to the end; gives the number of rows changed.
    int run();

    bool isNull(int column) const { return sqlite3_column_type(_statement, column) == SQLITE_NULL; }
    std::int64_t integer(int column) const { return sqlite3_column_int64(_statement, column); }
    std::string text(int column) const;
    std::optional<std::int64_t> maybeInteger(int column) const;

private:
    void bind(std::int64_t value) { sqlite3_bind_int64(_statement, _next++, value); }
    void bind(int value) { bind(std::int64_t{value}); }
    void bind(bool value) { bind(std::int64_t{value}); }
    void bind(std::string_view value);
    void bind(const std::string& value) { bind(std::string_view(value)); }
    void bind(const char* value) { bind(std::string_view(value)); }
    template <class T>
    void bind(const std::optional<T>& value) {
        if (value)
            bind(*value);
        else
            sqlite3_bind_null(_statement, _next++);
    }

    sqlite3_stmt* _statement;
    int _next = 1;
};

/// One connection to the SQLite file: a Poco session, and the sqlite3 handle under it with its prepared
/// statements. Used by one thread at a time. Throws StorageUnavailable for a busy, full, broken or
/// interrupted database, and std::runtime_error for what is our own mistake.
class SqliteConnection {
public:
    explicit SqliteConnection(const std::string& path);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    Poco::Data::Session& session() { return _session; }
    sqlite3* handle() { return _handle; }
    /// `sql` is a string literal: the address is the name of the prepared statement.
    SqliteStatement statement(const char* sql);
    /// Several statements in one string, without parameters.
    void script(const std::string& sql);
    /// From now on, statements give up at `deadline`: when they wait for a lock, and when they compute.
    void setDeadline(Instant deadline);
    bool inTransaction() { return sqlite3_get_autocommit(_handle) == 0; }
    /// Turns the last error into the exception it means.
    [[noreturn]] static void fail(sqlite3* handle, int code);

private:
    static int onProgress(void* self);
    void switchToWal();

    Poco::Data::Session _session;
    sqlite3* _handle;
    std::unordered_map<const char*, sqlite3_stmt*> _statements;
    Instant _deadline = Instant::max();
};

} // namespace usher
