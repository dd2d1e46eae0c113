#include "common/Database.h"
#include "support/TestDatabases.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <csignal>
#include <thread>

using namespace usher::plugin;
using usher::test::execute;
using usher::test::scalar;
using usher::test::TestDatabases;

namespace {
Deadline in(int millis) {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(millis);
}
} // namespace

/// What Database.h promises, on both databases.
class CommonDatabaseTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CommonDatabaseTest);
    CPPUNIT_TEST(valuesComeBackToTheLetter);
    CPPUNIT_TEST(anExceptionRollsBack);
    CPPUNIT_TEST(constraintsAreToldApart);
    CPPUNIT_TEST(manyNodesMigrateAtOnce);
    CPPUNIT_TEST(aNewerSchemaIsRefused);
    CPPUNIT_TEST(thePoolIsBounded);
    CPPUNIT_TEST(deadIdleConnectionsFailNobody);
    CPPUNIT_TEST(aFrozenServerHoldsNobodyPastTheDeadline);
    CPPUNIT_TEST_SUITE_END();

    void valuesComeBackToTheLetter() {
        TestDatabases databases;
        for (const std::string& url : databases.urls()) {
            auto database = openDatabase(url, "", 2, {});
            const std::string nasty = "'; DROP TABLE t; -- $1 \\ \" é %s";
            database->write(in(5000), [&](Session& session) {
                session.script("CREATE TABLE t (id int PRIMARY KEY, name text, good boolean)");
                CPPUNIT_ASSERT_EQUAL(
                    std::int64_t{1},
                    session.run("INSERT INTO t VALUES ($1, $2, $3)", {"7", nasty, "1"}).affected());
                session.run("INSERT INTO t VALUES ($1, $2, $3)", {"8", std::nullopt, std::nullopt});
            });
            database->read(in(5000), [&](Session& session) {
                const Result rows =
                    session.run("SELECT id, name, good FROM t WHERE id >= $1 ORDER BY id", {"7"});
                CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rows.size());
                CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, rows.integer(0, 0));
                CPPUNIT_ASSERT_EQUAL(nasty, rows.text(0, 1));
                CPPUNIT_ASSERT(rows.flag(0, 2, false));
                CPPUNIT_ASSERT(rows.isNull(1, 1) && rows.flag(1, 2, true) && !rows.flag(1, 2, false));
                CPPUNIT_ASSERT(session.run("SELECT id FROM t WHERE id = $1", {"9"}).empty());
                CPPUNIT_ASSERT_THROW(session.run("SELECT $1", {std::string("a\0b", 3)}),
                                     std::invalid_argument);
            });
        }
        CPPUNIT_ASSERT_THROW(openDatabase("mysql://x", "", 1, {}), std::invalid_argument);
    }
    void anExceptionRollsBack() {
        TestDatabases databases;
        for (const std::string& url : databases.urls()) {
            auto database = openDatabase(url, "", 1, {});
            execute(url, "CREATE TABLE t (id int)");
            auto failing = [](Session& session) {
                session.run("INSERT INTO t VALUES (1)");
                throw std::logic_error("no");
            };
            CPPUNIT_ASSERT_THROW(database->write(in(5000), failing), std::logic_error);
            auto broken = [](Session& session) {
                session.run("INSERT INTO t VALUES (1)");
                session.run("SELECT nothing FROM nowhere");
            };
            CPPUNIT_ASSERT_THROW(database->write(in(5000), broken), std::runtime_error);
            database->write(in(5000), [](Session& session) { session.run("INSERT INTO t VALUES (2)"); });
            CPPUNIT_ASSERT_EQUAL(std::string("1"), scalar(url, "SELECT count(*) FROM t"));
        }
    }
    void constraintsAreToldApart() {
        TestDatabases databases;
        for (const std::string& url : databases.urls()) {
            auto database = openDatabase(url, "", 1, {});
            execute(url, "CREATE TABLE a (id int PRIMARY KEY, n int CHECK (n > 0)); "
                         "CREATE TABLE b (a int REFERENCES a (id)); INSERT INTO a VALUES (1, 1)");
            auto kindOf = [&](const char* sql) {
                try {
                    database->write(in(5000), [&](Session& session) { session.run(sql); });
                } catch (const ConstraintViolation& error) {
                    return static_cast<int>(error.kind);
                }
                return -1;
            };
            using Kind = ConstraintViolation::Kind;
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(Kind::unique), kindOf("INSERT INTO a VALUES (1, 1)"));
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(Kind::foreignKey), kindOf("INSERT INTO b VALUES (2)"));
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(Kind::other), kindOf("INSERT INTO a VALUES (2, 0)"));
            CPPUNIT_ASSERT_EQUAL(-1, kindOf("INSERT INTO a VALUES (2, 2)"));
        }
    }
    void manyNodesMigrateAtOnce() {
        TestDatabases databases;
        const std::vector<Migration> migrations{
            {1, "one", "CREATE TABLE one (id int)"},
            {2, "two", "CREATE TABLE two (id int); INSERT INTO two VALUES (1)"}};
        for (const std::string& url : databases.urls()) {
            std::atomic<int> failed = 0;
            std::vector<std::thread> nodes;
            for (int i = 0; i < 8; ++i)
                nodes.emplace_back([&] {
                    try {
                        migrate(*openDatabase(url, "", 1, {}), "test", migrations);
                    } catch (const std::exception& error) {
                        std::fprintf(stderr, "%s\n", error.what());
                        ++failed;
                    }
                });
            for (std::thread& node : nodes) node.join();
            CPPUNIT_ASSERT_EQUAL(0, failed.load());
            CPPUNIT_ASSERT_EQUAL(std::string("1"), scalar(url, "SELECT count(*) FROM two"));
            CPPUNIT_ASSERT_EQUAL(std::string("2"), scalar(url, "SELECT count(*) FROM usher_migrations"));
        }
    }
    void aNewerSchemaIsRefused() {
        TestDatabases databases;
        for (const std::string& url : databases.urls()) {
            auto database = openDatabase(url, "", 1, {});
            migrate(*database, "test", {{1, "one", "SELECT 1"}, {2, "two", "SELECT 1"}});
            CPPUNIT_ASSERT_THROW(migrate(*database, "test", {{1, "one", "SELECT 1"}}), std::runtime_error);
            migrate(*database, "other", {{1, "one", "SELECT 1"}});
        }
    }
    void thePoolIsBounded() {
        TestDatabases databases;
        for (const std::string& url : databases.urls()) {
            auto database = openDatabase(url, "", 1, {});
            database->read(in(5000), [&](Session&) {
                CPPUNIT_ASSERT_THROW(database->read(in(20), [](Session&) {}), DatabaseUnavailable);
            });
            database->read(in(5000), [](Session& session) { session.run("SELECT 1"); });
        }
    }
    void deadIdleConnectionsFailNobody() {
        TestDatabases databases;
        if (databases.postgres().empty()) return;
        auto database = openDatabase(databases.postgres(), "", 4, {});
        std::function<void(int)> nest = [&](int depth) {
            database->read(in(5000), [&](Session& session) {
                session.run("SELECT 1");
                if (depth > 1) nest(depth - 1);
            });
        };
        nest(4); // four connections, all idle now
        execute(databases.postgres(),
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name "
                "= 'usher-plugin' AND datname = current_database()");
        for (int i = 0; i < 8; ++i) {
            database->read(in(5000), [](Session& session) { session.run("SELECT 1"); });
            database->write(in(5000), [](Session& session) { session.run("SELECT 1"); });
        }
        nest(4);
        std::string reason;
        CPPUNIT_ASSERT(database->healthy(reason));
    }
    void aFrozenServerHoldsNobodyPastTheDeadline() {
        TestDatabases databases;
        if (databases.postgres().empty()) return;
        auto database = openDatabase(databases.postgres(), "", 2, {});
        pid_t backend = 0;
        database->read(in(5000), [&](Session& session) {
            backend = static_cast<pid_t>(session.run("SELECT pg_backend_pid()").integer(0, 0));
        });
        if (::kill(backend, 0) != 0) return; // the server belongs to somebody else, or runs elsewhere
        struct Frozen {
            const pid_t pid;
            explicit Frozen(pid_t pid) : pid(pid) { ::kill(pid, SIGSTOP); }
            ~Frozen() { ::kill(pid, SIGCONT); }
        } frozen(backend);
        CPPUNIT_ASSERT_THROW(database->read(in(100), [](Session& session) { session.run("SELECT 1"); }),
                             DatabaseUnavailable);
        std::string reason;
        CPPUNIT_ASSERT(!database->healthy(reason) && !reason.empty());
        database->read(in(5000), [](Session& session) { session.run("SELECT 1"); }); // on a new connection
        CPPUNIT_ASSERT(database->healthy(reason));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(CommonDatabaseTest);
