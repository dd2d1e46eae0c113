#include "common/PostgresConnection.h"

#include <poll.h>

#include <cerrno>
#include <cstring>

namespace usher::plugin {

namespace {

using std::chrono::milliseconds;

void ignoreNotice(void*, const PGresult*) {} // libpq's own receiver writes to stderr

int remainingMillis(Deadline deadline) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return 0;
    constexpr auto longest = milliseconds(60'000);
    return static_cast<int>(std::min(std::chrono::ceil<milliseconds>(left), longest).count());
}

/// False when the deadline passed first.
bool waitFor(int socket, short events, Deadline deadline) {
    for (;;) {
        pollfd entry{socket, events, 0};
        const int timeout = remainingMillis(deadline);
        const int ready = ::poll(&entry, 1, timeout);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
        if (ready == 0 && timeout == 0) return false;
    }
}

std::string firstLine(const char* message) {
    const std::string_view text = message ? message : "";
    return std::string(text.substr(0, text.find('\n')));
}

} // namespace

PostgresConnection::PostgresConnection(const std::string& url, const std::string& password,
                                       Deadline deadline) {
    // What stands before `dbname` (the url) may be overridden by the url. The server's own timeouts only
    // clean up after a client that vanished; the deadline does not rely on them.
    const char* const settings = "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=10000 "
                                 "-c TimeZone=UTC -c DateStyle=ISO -c enable_seqscan=off -c jit=off "
                                 "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 "
                                 "-c tcp_keepalives_count=3 -c tcp_user_timeout=15000";
    std::vector<const char*> names{
        "options",          "application_name", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "dbname",          "client_encoding"};
    std::vector<const char*> values{settings, "usher-plugin", "10", "5", "3", "10000", url.c_str(), "UTF8"};
    if (!password.empty()) {
        names.push_back("password");
        values.push_back(password.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    _connection.reset(PQconnectStartParams(names.data(), values.data(), 1));
    if (!_connection) throw DatabaseUnavailable("cannot connect to the database: out of memory");
    PQsetNoticeReceiver(_connection.get(), ignoreNotice, nullptr);
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        const bool bad = PQstatus(_connection.get()) == CONNECTION_BAD || wanted == PGRES_POLLING_FAILED;
        if (bad)
            throw DatabaseUnavailable("cannot connect to the database: " +
                                      firstLine(PQerrorMessage(_connection.get())));
        const short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!waitFor(PQsocket(_connection.get()), events, deadline))
            throw DatabaseUnavailable("cannot connect to the database: no answer in time");
        wanted = PQconnectPoll(_connection.get());
    }
    PQsetnonblocking(_connection.get(), 1);
}

bool PostgresConnection::deadWhileIdle() {
    // A server that ended sends a farewell, then the end of the stream: both make the socket readable.
    for (int i = 0; i < 16 && !broken(); ++i) {
        pollfd entry{PQsocket(_connection.get()), POLLIN, 0};
        if (::poll(&entry, 1, 0) <= 0) return false;
        if (PQconsumeInput(_connection.get()) == 0) _broken = true;
    }
    return true;
}

bool PostgresConnection::inTransaction() const {
    const PGTransactionStatusType status = PQtransactionStatus(_connection.get());
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

PostgresResult PostgresConnection::run(std::string_view sql, const std::vector<Param>& params,
                                       Deadline deadline) {
    const std::string& name = prepared(sql, deadline);
    _values.clear();
    for (const Param& param : params) {
        // libpq would cut the text there in silence.
        if (param && param->find('\0') != std::string::npos)
            throw std::invalid_argument("a parameter contains NUL");
        _values.push_back(param ? param->c_str() : nullptr);
    }
    sent(PQsendQueryPrepared(_connection.get(), name.c_str(), static_cast<int>(_values.size()),
                             _values.data(), nullptr, nullptr, 0));
    return answer(deadline);
}

void PostgresConnection::script(std::string_view sql, Deadline deadline) {
    sent(PQsendQuery(_connection.get(), std::string(sql).c_str()));
    answer(deadline);
}

const std::string& PostgresConnection::prepared(std::string_view sql, Deadline deadline) {
    const auto known = _prepared.find(sql);
    if (known != _prepared.end()) return known->second;
    const std::string text(sql);
    std::string name = "s" + std::to_string(_prepared.size() + 1);
    sent(PQsendPrepare(_connection.get(), name.c_str(), text.c_str(), 0, nullptr));
    answer(deadline);
    return _prepared.emplace(text, std::move(name)).first->second;
}

void PostgresConnection::sent(int ok) {
    if (ok == 1) return;
    _broken = true;
    throw ConnectionLost("the database connection is gone: " + firstLine(PQerrorMessage(_connection.get())));
}

void PostgresConnection::await(short events, Deadline deadline) {
    if (waitFor(PQsocket(_connection.get()), events, deadline)) return;
    _broken = true;
    throw DatabaseUnavailable("the database did not answer in time");
}

/// Collects every result of what was sent: the last good one, or the first error.
PostgresResult PostgresConnection::answer(Deadline deadline) {
    PGconn* const connection = _connection.get();
    PostgresResult kept;
    for (;;) {
        int unsent = PQflush(connection);
        while (unsent == 1) {
            await(POLLIN | POLLOUT, deadline);
            if (PQconsumeInput(connection) == 0) sent(0);
            unsent = PQflush(connection);
        }
        if (unsent < 0) sent(0);
        while (PQisBusy(connection) == 1) {
            await(POLLIN, deadline);
            // A failure to read still leaves the server's last words in the buffer: they are the better
            // message.
            if (PQconsumeInput(connection) == 0 && PQisBusy(connection) == 1) sent(0);
        }
        PostgresResult next(PQgetResult(connection));
        if (!next) break;
        const bool alreadyFailed = kept && PQresultStatus(kept.get()) == PGRES_FATAL_ERROR;
        if (!alreadyFailed) kept = std::move(next);
        if (PQstatus(connection) != CONNECTION_OK) break;
    }
    if (!kept) sent(0);
    const ExecStatusType status = PQresultStatus(kept.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY)
        fail(kept.get());
    return kept;
}

void PostgresConnection::fail(const PGresult* result) {
    const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string state = field ? field : "";
    const std::string message = firstLine(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    const std::string text = (message.empty() ? firstLine(PQerrorMessage(_connection.get())) : message) +
                             (state.empty() ? "" : " (SQLSTATE " + state + ")");
    if (state.empty() || PQstatus(_connection.get()) != CONNECTION_OK) {
        _broken = true;
        throw ConnectionLost("the database connection is gone: " + text);
    }
    const std::string group = state.substr(0, 2);
    if (group == "23") {
        const char* name = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
        const auto kind = state == "23505"   ? ConstraintViolation::Kind::unique
                          : state == "23503" ? ConstraintViolation::Kind::foreignKey
                                             : ConstraintViolation::Kind::other;
        throw ConstraintViolation(kind, std::string(name ? name : "") + ": " + message);
    }
    if (state == "55P03" || state == "40P01" || state == "40001") throw DatabaseBusy(text);
    // The schema changed under a prepared plan, or the plan is gone: only a new connection knows nothing of
    // it.
    if (state == "0A000" || state == "26000") _broken = true;
    if (state == "25006") _broken = true; // the server became a standby
    if (group == "08" || group == "57" || group == "53" || group == "58" || state == "25006")
        throw DatabaseUnavailable(text);
    throw std::runtime_error("the database refused a statement: " + text);
}

} // namespace usher::plugin
