#include "common/PostgresDatabase.h"

#include "common/Crypto.h"

namespace usher::plugin {

/// A place in the pool and, once connected, its connection; a broken one does not go back.
class PostgresDatabase::Lease {
public:
    Lease(PostgresDatabase& owner, Deadline deadline)
        : _owner(owner), _deadline(deadline), _connection(owner._pool.borrow(deadline)) {
        try {
            if (_connection && _connection->deadWhileIdle()) _connection.reset();
            if (!_connection) _connection = owner.connect(deadline);
        } catch (...) {
            owner._pool.giveBack(nullptr);
            throw;
        }
    }
    ~Lease() {
        if (_connection && (_connection->broken() || _connection->inTransaction())) _connection.reset();
        _owner._pool.giveBack(std::move(_connection));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    PostgresConnection& connection() { return *_connection; }
    Deadline deadline() const { return _deadline; }
    void reconnect() {
        _connection.reset();
        _connection = _owner.connect(_deadline);
    }

private:
    PostgresDatabase& _owner;
    const Deadline _deadline;
    std::unique_ptr<PostgresConnection> _connection;
};

/// A Session over a lease. The first statement of a unit of work is sent again, once, on a new connection
/// when the old one turns out dead and the statement could not have changed anything.
class PostgresSession final : public Session {
public:
    using Replace = std::function<PostgresConnection*()>;
    PostgresSession(PostgresConnection& connection, Deadline deadline, Replace replace)
        : _connection(&connection), _deadline(deadline), _replace(std::move(replace)) {}

    Result run(std::string_view sql, const std::vector<Param>& params) override {
        const bool repeatable = _first && (sql.starts_with("SELECT") || sql.starts_with("BEGIN"));
        _first = false;
        try {
            return convert(_connection->run(sql, params, _deadline));
        } catch (const ConnectionLost&) {
            if (!repeatable) throw;
        }
        _connection = _replace();
        return convert(_connection->run(sql, params, _deadline));
    }

    void script(std::string_view sql) override {
        _first = false;
        _connection->script(sql, _deadline);
    }

    void commit() {
        // After a statement that failed, COMMIT succeeds by rolling back.
        const PostgresResult result = _connection->run("COMMIT", {}, _deadline);
        if (std::string_view(PQcmdStatus(result.get())) != "COMMIT")
            throw std::runtime_error("the transaction was rolled back: one of its statements had failed");
    }

private:
    static Result convert(const PostgresResult& result) {
        Result out;
        const int rows = PQntuples(result.get()), columns = PQnfields(result.get());
        out._columns = static_cast<std::size_t>(columns);
        out._cells.reserve(static_cast<std::size_t>(rows) * out._columns);
        for (int row = 0; row < rows; ++row)
            for (int column = 0; column < columns; ++column) {
                if (PQgetisnull(result.get(), row, column))
                    out._cells.emplace_back();
                else
                    out._cells.emplace_back(std::in_place, PQgetvalue(result.get(), row, column),
                                            static_cast<std::size_t>(PQgetlength(result.get(), row, column)));
            }
        if (!std::string_view(PQcmdStatus(result.get())).starts_with("SELECT"))
            out._affected = std::atoll(PQcmdTuples(result.get()));
        return out;
    }

    PostgresConnection* _connection;
    const Deadline _deadline;
    const Replace _replace;
    bool _first = true;
};

PostgresDatabase::PostgresDatabase(std::string url, std::string password, std::size_t connections)
    : _url(std::move(url)), _password(std::move(password)), _pool(connections) {}

PostgresDatabase::~PostgresDatabase() {
    wipe(_password);
}

std::unique_ptr<PostgresConnection> PostgresDatabase::connect(Deadline deadline) const {
    return std::make_unique<PostgresConnection>(_url, _password, deadline);
}

void PostgresDatabase::read(Deadline deadline, const std::function<void(Session&)>& work) {
    try {
        Lease lease(*this, deadline);
        PostgresSession session(lease.connection(), deadline, [&] {
            lease.reconnect();
            return &lease.connection();
        });
        work(session);
        _last.succeeded();
    } catch (const DatabaseBusy&) {
        throw; // the database is well, somebody holds a lock
    } catch (const DatabaseUnavailable& error) {
        _last.failed(error.what());
        throw;
    }
}

void PostgresDatabase::write(Deadline deadline, const std::function<void(Session&)>& work) {
    try {
        Lease lease(*this, deadline);
        PostgresSession session(lease.connection(), deadline, [&] {
            lease.reconnect();
            return &lease.connection();
        });
        session.run("BEGIN", {});
        try {
            work(session);
            session.commit();
        } catch (...) {
            // A server that has just answered with an error answers this too; else the lease drops the
            // connection, which rolls back as well.
            PostgresConnection& connection = lease.connection();
            try {
                if (!connection.broken() && connection.inTransaction())
                    connection.run("ROLLBACK", {}, deadline);
            } catch (const std::exception&) {
                // The first error is the one to tell.
            }
            throw;
        }
        _last.succeeded();
    } catch (const DatabaseBusy&) {
        throw;
    } catch (const DatabaseUnavailable& error) {
        _last.failed(error.what());
        throw;
    }
}

} // namespace usher::plugin
