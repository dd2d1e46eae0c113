#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// DESIGN. What both shipped plugins need of a database, and no more: statements with text parameters and
/// text results over libpq or sqlite3, each call with a deadline that holds even against a server that is
/// frozen. Placeholders are $1, $2, … on both. Plugins may use no header of the daemon, and the daemon's Poco
/// sessions cannot cross a C interface; so this room exists beside daemon/storage.
namespace usher::plugin {

using Deadline = std::chrono::steady_clock::time_point;
/// nullopt is NULL; numbers as text; booleans as "1" and "0", which both databases store as their own kind of
/// boolean
/// ("true" would be stored as a text by SQLite). SQLite compares a bare parameter with an expression as text:
/// write CAST($1 AS INTEGER) where the other side is not a column.
using Param = std::optional<std::string>;

/// The server is away, frozen, or the deadline passed. Whether the last statement took effect is unknown.
class DatabaseUnavailable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A lock was not had in time, or a deadlock was broken: nothing took effect, the same work may be tried
/// again.
class DatabaseBusy : public DatabaseUnavailable {
public:
    using DatabaseUnavailable::DatabaseUnavailable;
};

/// A unique, foreign-key or check constraint said no; the transaction is rolled back.
class ConstraintViolation : public std::runtime_error {
public:
    enum class Kind { unique, foreignKey, other };
    ConstraintViolation(Kind kind, const std::string& what) : std::runtime_error(what), kind(kind) {}
    const Kind kind;
};

/// Rows of text. Booleans read as "t"/"f" on PostgreSQL and "1"/"0" on SQLite: use flag().
class Result {
public:
    std::size_t size() const { return _columns == 0 ? 0 : _cells.size() / _columns; }
    bool empty() const { return size() == 0; }
    bool isNull(std::size_t row, std::size_t column) const { return !cell(row, column); }
    const std::string& text(std::size_t row, std::size_t column) const; ///< "" for NULL
    std::optional<std::string> maybeText(std::size_t row, std::size_t column) const {
        return cell(row, column);
    }
    std::int64_t integer(std::size_t row, std::size_t column) const; ///< 0 for NULL; throws for anything else
    std::optional<std::int64_t> maybeInteger(std::size_t row, std::size_t column) const;
    bool flag(std::size_t row, std::size_t column, bool whenNull) const;
    std::int64_t affected() const { return _affected; } ///< rows that an INSERT, UPDATE or DELETE changed

private:
    friend class PostgresSession;
    friend class SqliteSession;
    const Param& cell(std::size_t row, std::size_t column) const {
        return _cells.at(row * _columns + column);
    }
    std::size_t _columns = 0;
    std::vector<Param> _cells;
    std::int64_t _affected = 0;
};

/// One connection, lent for one piece of work. Statements are prepared once per connection and reused.
class Session {
public:
    virtual ~Session() = default;
    virtual Result run(std::string_view sql, const std::vector<Param>& params = {}) = 0;
    /// Several statements in one string, without parameters or results: migrations.
    virtual void script(std::string_view sql) = 0;
};

/// A bounded set of connections. [any-thread]
class Database {
public:
    enum class Kind { sqlite, postgres };

    virtual ~Database() = default;
    virtual Kind kind() const = 0;
    /// Runs `work` outside a transaction (each statement commits by itself). For reads.
    virtual void read(Deadline, const std::function<void(Session&)>& work) = 0;
    /// BEGIN (IMMEDIATE, inside a writer's turn, on SQLite) … COMMIT. An exception out of `work` rolls back.
    /// On SQLite keep it under 20 ms: everybody else waits.
    virtual void write(Deadline, const std::function<void(Session&)>& work) = 0;
    /// False with the reason while the last attempt to reach the database failed. Asks nobody.
    virtual bool healthy(std::string& reason) const = 0;
};

/// How SQLite writers queue: acquire(deadline) → false on timeout; release(). Empty functions: no queue.
struct Turn {
    std::function<bool(Deadline)> acquire;
    std::function<void()> release;
};

/// `url`: sqlite:///path/usher.db or postgresql://user@host:port/name. Does not connect yet.
/// Throws std::invalid_argument for anything else.
std::unique_ptr<Database> openDatabase(const std::string& url, const std::string& password,
                                       std::size_t connections, Turn turn);

/// Applies the migrations of one component that are missing, in order, each in one transaction, under a lock
/// that many nodes may ask for at once. Table usher_migrations(component, version, name, applied_at), shared
/// with the daemon. Throws std::runtime_error when the database is newer than `migrations`.
struct Migration {
    int version;
    std::string name;
    std::string sql;
};
void migrate(Database&, const std::string& component, const std::vector<Migration>& migrations);

} // namespace usher::plugin
