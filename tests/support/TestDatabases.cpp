#include "support/TestDatabases.h"

#include <libpq-fe.h>
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <unistd.h>

namespace usher::test {

namespace {

constexpr std::string_view kSqlite = "sqlite://";

std::string onPostgres(const std::string& url, const std::string& sql) {
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), PQfinish);
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw std::runtime_error(std::string(PQerrorMessage(connection.get())) + " in " + sql);
    return status == PGRES_TUPLES_OK && PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

std::string onSqlite(const std::string& url, const std::string& sql) {
    sqlite3* raw = nullptr;
    sqlite3_open(url.substr(kSqlite.size()).c_str(), &raw);
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle(raw, sqlite3_close);
    sqlite3_busy_timeout(raw, 10'000);
    sqlite3_exec(raw, "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr);
    std::string first;
    bool seen = false;
    auto keep = [&](int columns, char** values) {
        if (!seen && columns > 0 && values[0]) first = values[0];
        seen = true;
    };
    using Keep = decltype(keep);
    const auto row = [](void* context, int columns, char** values, char**) {
        (*static_cast<Keep*>(context))(columns, values);
        return 0;
    };
    if (sqlite3_exec(raw, sql.c_str(), row, &keep, nullptr) != SQLITE_OK)
        throw std::runtime_error(std::string(sqlite3_errmsg(raw)) + " in " + sql);
    return first;
}

} // namespace

TestDatabases::TestDatabases() {
    char folder[] = "/tmp/usher-test.XXXXXX";
    if (!mkdtemp(folder)) throw std::runtime_error("mkdtemp failed");
    _folder = folder;
    _sqlite = "sqlite://" + _folder + "/usher.db";
    execute(_sqlite, "PRAGMA journal_mode = WAL");
    const char* server = std::getenv("USHER_TEST_PG_URL");
    if (!server) {
        static const bool told = [] {
            return std::fputs("SKIPPED: PostgreSQL: USHER_TEST_PG_URL is not set\n", stderr) >= 0;
        }();
        (void)told;
        return;
    }
    static int count = 0;
    _name = "usher_test_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
    execute(server, "CREATE DATABASE " + _name);
    const std::string url = server;
    _postgres = url.substr(0, url.rfind('/') + 1) + _name;
}

TestDatabases::~TestDatabases() {
    std::error_code ignored;
    std::filesystem::remove_all(_folder, ignored);
    if (_postgres.empty()) return;
    try {
        execute(std::getenv("USHER_TEST_PG_URL"), "DROP DATABASE IF EXISTS " + _name + " WITH (FORCE)");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
}

std::vector<std::string> TestDatabases::urls() const {
    std::vector<std::string> all{_sqlite};
    if (!_postgres.empty()) all.push_back(_postgres);
    return all;
}

HeldRow::HeldRow(const std::string& url, const std::string& sql) : _connection(PQconnectdb(url.c_str())) {
    auto* connection = static_cast<PGconn*>(_connection);
    PQclear(PQexec(connection, "BEGIN"));
    PQclear(PQexec(connection, sql.c_str()));
    if (PQtransactionStatus(connection) != PQTRANS_INTRANS)
        throw std::runtime_error(PQerrorMessage(connection));
}

HeldRow::~HeldRow() {
    PQfinish(static_cast<PGconn*>(_connection));
}

void execute(const std::string& url, const std::string& sql) {
    scalar(url, sql);
}

std::string scalar(const std::string& url, const std::string& sql) {
    return url.starts_with(kSqlite) ? onSqlite(url, sql) : onPostgres(url, sql);
}

} // namespace usher::test
