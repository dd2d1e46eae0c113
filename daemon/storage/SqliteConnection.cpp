#include "storage/SqliteConnection.h"

#include "domain/Errors.h"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/SQLite/Utility.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace usher {

namespace {

Poco::Data::Session openSession(const std::string& path) {
    static const bool registered = (Poco::Data::SQLite::Connector::registerConnector(), true);
    static_cast<void>(registered);
    // SQLite would make the file readable for everybody; its -wal and -shm files take over the mode. Only a
    // file that is not there yet may be opened here: closing a descriptor drops every POSIX lock that this
    // process holds on the file, and the next program that looks into the database would take it for unused
    // and delete the WAL under us.
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && (errno != EEXIST || ::access(path.c_str(), R_OK | W_OK) != 0))
        throw StorageUnavailable("cannot open " + path + ": " + std::generic_category().message(errno) +
                                 " (running as uid " + std::to_string(::getuid()) + ")");
    if (fd >= 0) ::close(fd);
    try {
        return Poco::Data::Session(Poco::Data::SQLite::Connector::KEY, path);
    } catch (const Poco::Exception& error) {
        throw StorageUnavailable("cannot open " + path + ": " + error.displayText());
    }
}

} // namespace

SqliteStatement::~SqliteStatement() {
    if (!_statement) return;
    sqlite3_reset(_statement);
    sqlite3_clear_bindings(_statement);
}

void SqliteStatement::bind(std::string_view value) {
    sqlite3_bind_text64(_statement, _next++, value.data() ? value.data() : "", value.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
}

bool SqliteStatement::step() {
    int code = sqlite3_step(_statement);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    sqlite3* handle = sqlite3_db_handle(_statement);
    sqlite3_reset(_statement);
    SqliteConnection::fail(handle, code);
}

int SqliteStatement::run() {
    while (step()) {
    }
    int changed = sqlite3_changes(sqlite3_db_handle(_statement));
    sqlite3_reset(_statement);
    return changed;
}

std::string SqliteStatement::text(int column) const {
    auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(_statement, column));
    return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(_statement, column)))
                 : std::string();
}

std::optional<std::int64_t> SqliteStatement::maybeInteger(int column) const {
    if (isNull(column)) return std::nullopt;
    return integer(column);
}

SqliteConnection::SqliteConnection(const std::string& path)
    : _session(openSession(path)), _handle(Poco::Data::SQLite::Utility::dbHandle(_session)) {
    sqlite3_extended_result_codes(_handle, 1);
    sqlite3_busy_timeout(_handle, 1000);
    sqlite3_progress_handler(_handle, 20'000, &SqliteConnection::onProgress, this);
    switchToWal();
    // FULL: a commit is on the disk when it returns. Foreign keys are off by default, on every connection.
    script("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000; "
           "PRAGMA temp_store = MEMORY;");
}

void SqliteConnection::switchToWal() {
    // The first switch of a new file says "busy" at once, without waiting, when others are opening it too.
    for (int attempt = 0;; ++attempt) {
        try {
            script("PRAGMA journal_mode = WAL");
            return;
        } catch (const StorageUnavailable&) {
            if (attempt == 200 || (sqlite3_errcode(_handle) & 0xff) != SQLITE_BUSY) throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
}

SqliteConnection::~SqliteConnection() {
    for (auto& [sql, statement] : _statements) sqlite3_finalize(statement);
}

int SqliteConnection::onProgress(void* self) {
    return std::chrono::steady_clock::now() > static_cast<SqliteConnection*>(self)->_deadline;
}

void SqliteConnection::setDeadline(Instant deadline) {
    _deadline = deadline;
    auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    sqlite3_busy_timeout(_handle, static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, 60'000)));
}

SqliteStatement SqliteConnection::statement(const char* sql) {
    sqlite3_stmt*& statement = _statements[sql];
    if (!statement) {
        int code = sqlite3_prepare_v3(_handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        if (code != SQLITE_OK) fail(_handle, code);
    }
    return SqliteStatement(statement);
}

void SqliteConnection::script(const std::string& sql) {
    int code = sqlite3_exec(_handle, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(_handle, code);
}

void SqliteConnection::fail(sqlite3* handle, int code) {
    const std::string what =
        std::string("SQLite: ") + sqlite3_errmsg(handle) + " (" + std::to_string(code) + ")";
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
        throw StorageUnavailable(what);
    default:
        throw std::runtime_error(what);
    }
}

} // namespace usher
