#pragma once

#include "storage/Database.h"

#include <cppunit/TestFixture.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace usher {

/// Another program at the same database: plain SQL, without the stores.
class RawSql {
public:
    virtual ~RawSql() = default;
    virtual void run(const std::string& sql) = 0;
    /// The first column of the first row, as text; "" when there is none.
    virtual std::string value(const std::string& sql) = 0;
};

/// A database of its own for the time of one test, migrated and empty: SQLite in a temporary folder, or
/// PostgreSQL, by USHER_TEST_STORE.
class StoreFixture : public CppUnit::TestFixture {
public:
    void setUp() override;
    void tearDown() override;

    static bool onPostgres();

protected:
    Database& db() { return *_database; }
    JobStore& jobs() { return db().jobs(); }
    TriggerStore& triggers() { return db().triggers(); }
    RunStore& runs() { return db().runs(); }
    RawSql& sql() { return *_sql; }
    const std::string& url() const { return _url; }
    /// A second daemon at the same database.
    std::unique_ptr<Database> openAgain(int connections = 8) const;

    Job newJob(const std::string& name = "nightly", const std::function<void(JobSettings&)>& change = {});
    /// A job with `count` shell tests.
    Job newJobWithTests(int count = 1, const std::function<void(JobSettings&)>& change = {});
    Test newTest(const std::string& title = "smoke", const std::string& script = "true");
    /// Writes all settings, whoever else does so at the same time; nothing when there is none.
    std::optional<Job> changeJob(const std::string& id, const JobSettings& settings);
    std::optional<Test> changeTest(const std::string& id, const TestSettings& settings);
    NewRun newRun(const Job& job) const;
    /// Inserts and asserts that it went in; gives its id.
    std::string queue(const Job& job, const std::function<void(NewRun&)>& change = {});
    Inserted insert(const NewRun& run) { return triggers().insertRuns(std::span(&run, 1), soon()).at(0); }
    static IdempotencyKey keyOf(const Job& job, const std::string& key,
                                const std::string& principal = "api-key:1") {
        return {job.id, principal, key, std::string(64, 'a')};
    }
    /// The rows of a table.
    std::string count(const std::string& table) { return sql().value("SELECT count(*) FROM " + table); }
    std::vector<ClaimedRun> claim(int maxRuns = 100, const std::string& node = "node-a");
    static RunOutcome outcomeOf(const ClaimedRun& run, RunStatus status = RunStatus::passed);
    static Micros now() { return SystemClock().now(); }
    static Instant soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

    /// Runs `work(i)` on `count` threads at once; an exception fails the test.
    static void inParallel(int count, const std::function<void(int)>& work);

private:
    std::string _url;
    std::filesystem::path _folder;
    std::string _name;
    std::unique_ptr<RawSql> _sql;
    std::unique_ptr<Database> _database;
};

/// Databases for the tests that need their own: an empty one; dropped by the destructor.
class TemporaryDatabase {
public:
    TemporaryDatabase();
    ~TemporaryDatabase();
    std::string url;
    std::unique_ptr<RawSql> sql;

private:
    std::filesystem::path _folder;
    std::string _name;
};

} // namespace usher
