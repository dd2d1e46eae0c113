#include "common/SqliteDatabase.h"

#include <functional>
#include <thread>
#include <unordered_map>

namespace usher::plugin {

/// One sqlite3 handle with its prepared statements. Not synchronised.
class SqliteConnection {
public:
    SqliteConnection(const std::string& path, Deadline until) : deadline(until) {
        sqlite3* handle = nullptr;
        const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
        _handle.reset(handle);
        if (code != SQLITE_OK) throw DatabaseUnavailable("cannot open " + path + ": " + sqlite3_errstr(code));
        sqlite3_extended_result_codes(handle, 1);
        // In place of busy_timeout: the same waiting, but it ends at the deadline of the work.
        sqlite3_busy_handler(handle, waitForLock, this);
        sqlite3_progress_handler(handle, 20'000, pastDeadline, this);
        script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
               "PRAGMA temp_store = MEMORY");
    }
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    sqlite3_stmt* prepare(std::string_view sql) {
        const auto known = _prepared.find(sql);
        if (known != _prepared.end()) return known->second.get();
        sqlite3_stmt* statement = nullptr;
        const int code = sqlite3_prepare_v3(_handle.get(), sql.data(), static_cast<int>(sql.size()),
                                            SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        if (code != SQLITE_OK) fail(code);
        return _prepared.emplace(std::string(sql), Statement(statement)).first->second.get();
    }
    void script(std::string_view sql) {
        const int code = sqlite3_exec(_handle.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
        if (code != SQLITE_OK) fail(code);
    }
    [[noreturn]] void fail(int code) {
        const std::string message = sqlite3_errmsg(_handle.get());
        const int primary = code & 0xFF;
        if (primary == SQLITE_CONSTRAINT) {
            using Kind = ConstraintViolation::Kind;
            const bool unique = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;
            const bool foreign = code == SQLITE_CONSTRAINT_FOREIGNKEY;
            throw ConstraintViolation(unique    ? Kind::unique
                                      : foreign ? Kind::foreignKey
                                                : Kind::other,
                                      message);
        }
        if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
            throw DatabaseBusy("the database file is locked by another writer");
        if (primary == SQLITE_INTERRUPT) throw DatabaseUnavailable("the database did not answer in time");
        if (primary == SQLITE_IOERR || primary == SQLITE_FULL || primary == SQLITE_CANTOPEN ||
            primary == SQLITE_READONLY || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB ||
            primary == SQLITE_PROTOCOL || primary == SQLITE_PERM || primary == SQLITE_NOMEM) {
            broken = true; // the next one opens the file afresh
            throw DatabaseUnavailable("the database file: " + message);
        }
        throw std::runtime_error("the database refused a statement: " + message);
    }
    bool inTransaction() const { return sqlite3_get_autocommit(_handle.get()) == 0; }
    std::int64_t changes() const { return sqlite3_changes64(_handle.get()); }

    Deadline deadline;
    bool broken = false;

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    bool late() const { return std::chrono::steady_clock::now() >= deadline; }
    static int pastDeadline(void* self) { return static_cast<SqliteConnection*>(self)->late() ? 1 : 0; }
    static int waitForLock(void* self, int tries) {
        if (static_cast<SqliteConnection*>(self)->late()) return 0;
        std::this_thread::sleep_for(std::chrono::microseconds(tries < 20 ? 200 : 2'000));
        return 1;
    }

    std::unique_ptr<sqlite3, Close> _handle;
    std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> _prepared;
};

class SqliteSession final : public Session {
public:
    explicit SqliteSession(SqliteConnection& connection) : _connection(connection) {}

    Result run(std::string_view sql, const std::vector<Param>& params) override {
        sqlite3_stmt* const statement = _connection.prepare(sql);
        const Reset reset{statement};
        bind(statement, params);
        Result out;
        out._columns = static_cast<std::size_t>(sqlite3_column_count(statement));
        int code;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
            for (int column = 0; column < static_cast<int>(out._columns); ++column) {
                const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
                if (text)
                    out._cells.emplace_back(
                        std::in_place, text,
                        static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
                else
                    out._cells.emplace_back();
            }
        if (code != SQLITE_DONE) _connection.fail(code);
        if (!sqlite3_stmt_readonly(statement)) out._affected = _connection.changes();
        return out;
    }

    void script(std::string_view sql) override { _connection.script(sql); }

private:
    struct Reset {
        sqlite3_stmt* statement;
        ~Reset() {
            sqlite3_reset(statement);
            sqlite3_clear_bindings(statement);
        }
    };

    void bind(sqlite3_stmt* statement, const std::vector<Param>& params) {
        char name[24];
        for (std::size_t i = 0; i < params.size(); ++i) {
            std::snprintf(name, sizeof name, "$%zu", i + 1);
            const int index = sqlite3_bind_parameter_index(statement, name);
            if (index == 0 || !params[i]) continue; // unbound is NULL
            if (params[i]->find('\0') != std::string::npos)
                throw std::invalid_argument("a parameter contains NUL");
            const int code = sqlite3_bind_text(statement, index, params[i]->data(),
                                               static_cast<int>(params[i]->size()), SQLITE_STATIC);
            if (code != SQLITE_OK) _connection.fail(code);
        }
    }

    SqliteConnection& _connection;
};

SqliteDatabase::SqliteDatabase(std::string path, std::size_t connections, Turn turn)
    : _path(std::move(path)), _turn(std::move(turn)), _pool(connections) {}

SqliteDatabase::~SqliteDatabase() = default;

void SqliteDatabase::lend(Deadline deadline, const std::function<void(SqliteConnection&)>& work) {
    std::unique_ptr<SqliteConnection> connection;
    try {
        connection = _pool.borrow(deadline);
        try {
            if (!connection) connection = std::make_unique<SqliteConnection>(_path, deadline);
            connection->deadline = deadline;
            work(*connection);
        } catch (...) {
            if (connection && (connection->broken || connection->inTransaction())) connection.reset();
            _pool.giveBack(std::move(connection));
            throw;
        }
        _pool.giveBack(std::move(connection));
        _last.succeeded();
    } catch (const DatabaseBusy&) {
        throw;
    } catch (const DatabaseUnavailable& error) {
        _last.failed(error.what());
        throw;
    }
}

void SqliteDatabase::read(Deadline deadline, const std::function<void(Session&)>& work) {
    lend(deadline, [&](SqliteConnection& connection) {
        SqliteSession session(connection);
        work(session);
    });
}

void SqliteDatabase::write(Deadline deadline, const std::function<void(Session&)>& work) {
    struct HeldTurn {
        const Turn& turn;
        HeldTurn(const Turn& turn, Deadline deadline) : turn(turn) {
            if (turn.acquire && !turn.acquire(deadline))
                throw DatabaseBusy("the writer's turn did not come in time");
        }
        ~HeldTurn() {
            if (turn.release) turn.release();
        }
    };
    lend(deadline, [&](SqliteConnection& connection) {
        SqliteSession session(connection);
        const HeldTurn held(_turn, deadline);
        session.run("BEGIN IMMEDIATE", {});
        try {
            work(session);
            session.run("COMMIT", {});
        } catch (...) {
            try {
                if (connection.inTransaction()) session.run("ROLLBACK", {});
            } catch (const std::exception&) {
                connection.broken = true; // closing the handle rolls back
            }
            throw;
        }
    });
}

} // namespace usher::plugin
