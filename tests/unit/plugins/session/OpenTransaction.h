#pragma once

#include "support/TestDatabases.h"

#include <cppunit/extensions/HelperMacros.h>
#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace usher::test {

/// On PostgreSQL: a transaction of somebody else's, open until release(): what it locks makes racing
/// transactions meet.
class OpenTransaction {
public:
    OpenTransaction(const std::string& url, const std::string& sql)
        : _url(url), _connection(PQconnectdb(url.c_str()), PQfinish) {
        run("BEGIN; " + sql);
    }
    void release() { run("COMMIT"); }
    /// Until `count` others wait for a lock.
    void awaitBlocked(int count) {
        const auto giveUp = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (
            std::stoi(scalar(_url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                                   "AND wait_event_type = 'Lock'")) < count) {
            CPPUNIT_ASSERT_MESSAGE("nobody waits for the lock", std::chrono::steady_clock::now() < giveUp);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

private:
    void run(const std::string& sql) { PQclear(PQexec(_connection.get(), sql.c_str())); }
    const std::string _url;
    std::unique_ptr<PGconn, decltype(&PQfinish)> _connection;
};

} // namespace usher::test
