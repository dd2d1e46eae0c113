#include "storage/PgSessions.h"

#include "base/Text.h"
#include "domain/Errors.h"

#include <Poco/Any.h>
#include <Poco/Data/PostgreSQL/Connector.h>
#include <Poco/Data/PostgreSQL/SessionHandle.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

namespace usher {

namespace {

/// libpq reads a password from its connection string, which Poco cannot quote, or from a file. This one has
/// no name.
UniqueFd passwordFile(const std::string& password) {
    if (password.empty()) return UniqueFd();
    UniqueFd fd(::memfd_create("pgpass", MFD_CLOEXEC));
    std::string line = "*:*:*:*:";
    for (char c : password) {
        if (c == ':' || c == '\\') line += '\\';
        line += c;
    }
    line += '\n';
    if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
        ::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        throw std::system_error(errno, std::generic_category(),
                                "cannot keep the database password in memory");
    return fd;
}

/// Poco's exceptions carry the SQLSTATE in their text only, and only because the sessions ask for verbose
/// errors.
std::string sqlStateIn(const std::string& message) {
    for (std::size_t at = message.find(":  "); at != std::string::npos; at = message.find(":  ", at + 1))
        if (at + 8 < message.size() && message[at + 8] == ':') return message.substr(at + 3, 5);
    return "";
}

} // namespace

PgSessions::PgSessions(PgTarget target, std::string settings, int limit)
    : _target(std::move(target)), _settings(std::move(settings)), _limit(limit),
      _passwordFile(passwordFile(_target.password)) {
    static const bool registered = (Poco::Data::PostgreSQL::Connector::registerConnector(), true);
    static_cast<void>(registered);
    _connector = std::thread([this] { keepConnecting(); });
}

PgSessions::~PgSessions() {
    {
        Lock lock(_mutex);
        _stop = true;
        _needed.notifyAll();
    }
    _connector.join();
}

PgSessions::Loan PgSessions::connect() {
    // connect_timeout: libpq knows whole seconds and takes 2 for less. keepalives find a peer that is gone
    // without a word.
    std::string string =
        "host=" + _target.host + " port=" + _target.port + " user=" + _target.user +
        " dbname=" + _target.name +
        " connect_timeout=2 application_name=usherd keepalives_idle=10 keepalives_interval=5 "
        "keepalives_count=3 tcp_user_timeout=15000";
    if (_passwordFile) string += " passfile=/proc/self/fd/" + std::to_string(_passwordFile.get());
    tryToConnect(string);
    try {
        Poco::Data::Session poco(Poco::Data::PostgreSQL::Connector::KEY, string, 2);
        auto* handle = Poco::AnyCast<Poco::Data::PostgreSQL::SessionHandle*>(poco.getProperty("handle"));
        auto session = std::make_unique<Session>(std::move(poco), static_cast<PGconn*>(*handle));
        PQsetErrorVerbosity(session->connection.handle(), PQERRORS_VERBOSE);
        // libpq prints notices to stderr, where they would stand between the log's lines.
        PQsetNoticeProcessor(
            session->connection.handle(), [](void*, const char*) {}, nullptr);
        // The server's own timeouts, for what the client's deadline cannot end: a lock held by somebody else.
        session->connection.script(
            "SET statement_timeout = 1700; SET lock_timeout = 1500; SET TimeZone = 'UTC'; "
            "SET idle_in_transaction_session_timeout = 10000; "
            // The server's side of what a lost node leaves: by its own settings it holds that for two hours,
            // or for a quarter of one when it was just saying something, and has a hundred connections in
            // all.
            "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
            "SET tcp_user_timeout = 15000; "
            "SET client_min_messages = warning; " +
                _settings,
            storageDeadline());
        return session;
    } catch (const Poco::Exception& error) {
        cannotConnect(error.message());
    }
}

/// Poco 1.11 never frees what libpq holds of an attempt that failed: 35 KB each, and while the database is
/// away there are five a second. So libpq is asked first.
void PgSessions::tryToConnect(const std::string& string) const {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> attempt(PQconnectdb(string.c_str()), &PQfinish);
    if (PQstatus(attempt.get()) != CONNECTION_OK) cannotConnect(PQerrorMessage(attempt.get()));
}

void PgSessions::cannotConnect(const std::string& why) const {
    throw StorageUnavailable("cannot connect to PostgreSQL at " + _target.host + ":" + _target.port + ": " +
                             oneLine(trim(why), 300));
}

void PgSessions::keepConnecting() {
    Lock lock(_mutex);
    while (!_stop) {
        const bool wanted = _down || (_waiting > static_cast<int>(_idle.size()) && _open < _limit);
        if (!wanted) {
            _needed.waitUntil(lock, std::chrono::steady_clock::now() + std::chrono::hours(1));
            continue;
        }
        ++_open;
        lock.unlock();
        Loan session;
        std::string problem;
        try {
            session = connect();
        } catch (const std::exception& error) {
            problem = error.what();
        }
        lock.lock();
        if (session) {
            _down = false;
            _reason.clear();
            _idle.push_back(std::move(session));
            _changed.notifyAll();
            continue;
        }
        --_open;
        _down = true;
        _reason = problem;
        _changed.notifyAll();
        const Instant retry = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
        while (!_stop && std::chrono::steady_clock::now() < retry) _needed.waitUntil(lock, retry);
    }
}

PgSessions::Loan PgSessions::borrow(Instant deadline) {
    std::vector<Loan> dead; // closed after the lock is given up
    Lock lock(_mutex);
    while (true) {
        while (!_idle.empty()) {
            Loan session = std::move(_idle.back());
            _idle.pop_back();
            if (!session->connection.isStale()) {
                lock.unlock();
                return session;
            }
            --_open;
            dead.push_back(std::move(session));
        }
        if (_down) throw StorageUnavailable(_reason);
        ++_waiting;
        _needed.notifyOne();
        const bool late = _changed.waitUntil(lock, deadline) == std::cv_status::timeout;
        --_waiting;
        if (late && _idle.empty())
            throw StorageUnavailable(_down ? _reason : "PostgreSQL: no connection was free in time");
    }
}

void PgSessions::giveBack(Loan session) {
    if (session && (session->connection.broken() || session->connection.inTransaction())) {
        session.reset();
    }
    Lock lock(_mutex);
    if (session)
        _idle.push_back(std::move(session));
    else {
        --_open;
        _needed.notifyOne();
    }
    _changed.notifyOne();
}

void PgSessions::suspect(Instant began, const std::string& reason) {
    // A caller that had little time left says nothing about the server; sessions that were cut are told by
    // their socket.
    if (std::chrono::steady_clock::now() - began < std::chrono::seconds(1)) return;
    std::vector<Loan> dropped;
    Lock lock(_mutex);
    _down = true;
    _reason = reason;
    dropped.swap(_idle);
    _open -= static_cast<int>(dropped.size());
    _changed.notifyAll();
    _needed.notifyOne();
    lock.unlock();
}

void PgSessions::with(Instant deadline, const Use& use) {
    Loan session = borrow(deadline);
    PgConnection& connection = session->connection;
    const Instant began = std::chrono::steady_clock::now();
    try {
        if (began >= deadline) throw StorageUnavailable("PostgreSQL: no time was left");
        use(connection);
    } catch (const StorageUnavailable& error) {
        const bool broken = connection.broken();
        const std::string reason = error.what();
        try {
            if (!broken && connection.inTransaction()) connection.script("ROLLBACK", deadline);
        } catch (const StorageUnavailable&) {
        }
        giveBack(std::move(session));
        if (broken) suspect(began, reason);
        throw;
    } catch (...) {
        try {
            if (connection.inTransaction()) connection.script("ROLLBACK", deadline);
        } catch (const std::exception&) {
        }
        giveBack(std::move(session));
        throw;
    }
    giveBack(std::move(session));
}

void PgSessions::read(const Work& work) {
    runWork(false, work);
}
void PgSessions::write(const Work& work) {
    runWork(true, work);
}

void PgSessions::runWork(bool transaction, const Work& work) {
    const Instant deadline = storageDeadline();
    for (int attempt = 1;; ++attempt) {
        Loan session = borrow(deadline);
        const Instant began = std::chrono::steady_clock::now();
        try {
            runOnce(*session, transaction, work, deadline);
            giveBack(std::move(session));
            return;
        } catch (const PgError& error) {
            giveBack(std::move(session));
            if (!error.isTransient() || attempt == 3) throw;
        } catch (const StorageUnavailable& error) {
            const bool broken = session->connection.broken();
            const std::string reason = error.what();
            giveBack(std::move(session));
            if (broken) suspect(began, reason);
            throw;
        } catch (...) {
            giveBack(std::move(session));
            throw;
        }
    }
}

void PgSessions::runOnce(Session& session, bool transaction, const Work& work, Instant deadline) {
    PgConnection& connection = session.connection;
    try {
        if (transaction) connection.script("BEGIN", deadline);
        {
            SocketWatchdog::Watch watch(_watchdog, PQsocket(connection.handle()), deadline);
            work(session.poco);
        }
        // By hand: Poco's commit() returns normally after PostgreSQL has rolled back. A failed statement
        // threw above.
        if (transaction) connection.script("COMMIT", deadline);
    } catch (const Poco::Exception& error) {
        if (connection.broken())
            throw StorageUnavailable("PostgreSQL: no answer by the deadline, or connection lost");
        if (connection.inTransaction()) connection.script("ROLLBACK", deadline);
        const std::string text = error.displayText();
        const std::string state = sqlStateIn(text);
        // The first line only: the others quote values.
        const std::string what = "PostgreSQL: " + oneLine(trim(text.substr(0, text.find('\n'))), 300);
        if (!state.empty() && meansUnavailable(state)) throw StorageUnavailable(what);
        throw PgError(state, what);
    } catch (const StorageUnavailable&) {
        throw;
    } catch (...) {
        if (!connection.broken() && connection.inTransaction()) connection.script("ROLLBACK", deadline);
        throw;
    }
}

bool PgSessions::healthy(std::string& reason) const {
    Lock lock(_mutex);
    reason = _reason;
    return !_down;
}

} // namespace usher
