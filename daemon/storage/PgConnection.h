#pragma once

#include "base/Clock.h"
#include "storage/SqlSource.h"

#include <libpq-fe.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace usher {

/// PostgreSQL refused a statement for what it says, not because it is away.
class PgError : public std::runtime_error {
public:
    PgError(std::string sqlState, const std::string& what)
        : std::runtime_error(what), sqlState(std::move(sqlState)) {}
    const std::string sqlState;

    /// A deadlock or a serialization failure: the same again may succeed.
    bool isTransient() const { return sqlState == "40P01" || sqlState == "40001"; }
    static constexpr std::string_view kForeignKey = "23503";
};

/// True for states that mean "the server cannot serve now": connection, resources, operator, system, lock or
/// statement timeout, read-only.
bool meansUnavailable(std::string_view sqlState);

/// The answer to one command. Reads by row and column from 0.
class PgResult {
public:
    explicit PgResult(PGresult* result) : _result(result, &PQclear) {}

    int size() const { return PQntuples(_result.get()); }
    bool isNull(int row, int column) const { return PQgetisnull(_result.get(), row, column); }
    std::string_view view(int row, int column) const { ///< "" for NULL; lives as long as the result
        return {PQgetvalue(_result.get(), row, column),
                static_cast<std::size_t>(PQgetlength(_result.get(), row, column))};
    }
    std::string text(int row, int column) const { return std::string(view(row, column)); }
    std::int64_t integer(int row, int column) const; ///< 0 for NULL
    std::optional<std::int64_t> maybeInteger(int row, int column) const;
    bool flag(int row, int column) const { return view(row, column) == "t"; }
    std::int64_t affected() const;

private:
    std::unique_ptr<PGresult, decltype(&PQclear)> _result;
};

/// One prepared statement with its values. `sql` is a string literal: its address is the statement's name.
struct PgCommand {
    const char* sql;
    std::vector<SqlValue> values = {};
};

/// The hot paths' view of a connection that a Poco session owns: prepared statements, several commands in one
/// round trip, and deadlines that hold against a frozen server, which Poco has none of: a fresh Statement
/// costs four round trips and waits for ever. One thread at a time.
///
/// Throws StorageUnavailable when the deadline passes or the connection breaks; it is broken() then, for
/// good. PgError for a refused statement; a transaction stays open and failed then.
class PgConnection {
public:
    explicit PgConnection(PGconn* connection) : _connection(connection) {}

    /// All commands in one round trip; those that follow a failed one are not run. Without BEGIN among them
    /// they are one transaction.
    std::vector<PgResult> run(std::span<const PgCommand> commands, Instant deadline);
    PgResult run(const PgCommand& command, Instant deadline);
    /// Several statements in one string, unprepared and without values.
    void script(const std::string& sql, Instant deadline);

    bool broken() const { return _broken || PQstatus(_connection) == CONNECTION_BAD; }
    bool inTransaction() const { return PQtransactionStatus(_connection) != PQTRANS_IDLE; }
    /// The server has said something that nobody asked for: it is going away, or has gone.
    bool isStale() const;
    PGconn* handle() { return _connection; }

private:
    struct Failure {
        std::string sqlState, what;
    };
    void send(const PgCommand& command, std::vector<const char*>& fresh);
    PGresult* next(Instant deadline);
    void flush(Instant deadline);
    void wait(short events, Instant deadline);
    [[noreturn]] void lose(const std::string& why);
    [[noreturn]] static void refuse(const Failure& failure);

    PGconn* _connection;
    bool _broken = false;
    std::unordered_map<const char*, std::string> _prepared;
};

/// '{…}' for $n::uuid[] and $n::bigint[]: values that need no quotes.
class PgArray {
public:
    void add(std::string_view plain);
    void add(std::int64_t value) { add(std::string_view(std::to_string(value))); }
    void addQuoted(std::string_view text);
    void addNull() { add(std::string_view("NULL")); }
    template <class T>
    void addMaybe(const std::optional<T>& value) {
        if (value)
            add(static_cast<std::int64_t>(*value));
        else
            addNull();
    }
    SqlValue take() { return std::move(_text) + "}"; }

private:
    void separate() {
        if (_text.size() > 1) _text += ',';
    }
    std::string _text = "{";
};

} // namespace usher
