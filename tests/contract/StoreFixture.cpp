#include "StoreFixture.h"

#include "base/Random.h"
#include "base/Uuid.h"

#include <cppunit/TestAssert.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace usher {

namespace {

std::string setting(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

/// Before main: CppUnit knows no skipping.
const bool checked = [] {
    if (setting("USHER_TEST_STORE") == "postgres" && setting("USHER_TEST_PG_URL").empty()) {
        std::puts("SKIPPED: USHER_TEST_PG_URL is not set; run this below tests/support/with-postgres");
        std::exit(77);
    }
    return true;
}();

class RawPostgres final : public RawSql {
public:
    explicit RawPostgres(const std::string& url) : _connection(PQconnectdb(url.c_str())) {
        if (PQstatus(_connection) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(_connection));
        PQsetNoticeProcessor(
            _connection, [](void*, const char*) {}, nullptr);
    }
    ~RawPostgres() override { PQfinish(_connection); }
    void run(const std::string& sql) override { PQclear(exec(sql)); }
    std::string value(const std::string& sql) override {
        PGresult* result = exec(sql);
        std::string text = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
        PQclear(result);
        return text;
    }

private:
    PGresult* exec(const std::string& sql) {
        PGresult* result = PQexec(_connection, sql.c_str());
        if (PQstatus(_connection) != CONNECTION_OK) { // some tests restart the server
            PQclear(result);
            PQreset(_connection);
            result = PQexec(_connection, sql.c_str());
        }
        if (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK)
            return result;
        std::string problem = PQresultErrorMessage(result);
        PQclear(result);
        throw std::runtime_error(problem + " in " + sql);
    }
    PGconn* _connection;
};

class RawSqlite final : public RawSql {
public:
    explicit RawSqlite(const std::string& path) {
        if (sqlite3_open(path.c_str(), &_handle) != SQLITE_OK)
            throw std::runtime_error("cannot open " + path);
        sqlite3_busy_timeout(_handle, 10'000);
        sqlite3_exec(_handle, "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr);
    }
    ~RawSqlite() override { sqlite3_close(_handle); }
    void run(const std::string& sql) override { value(sql); }
    std::string value(const std::string& sql) override {
        std::string first;
        bool seen = false;
        auto row = [&](char** values) {
            if (!seen && values[0]) first = values[0];
            seen = true;
        };
        using Row = decltype(row);
        char* problem = nullptr;
        int code = sqlite3_exec(
            _handle, sql.c_str(),
            [](void* context, int, char** values, char**) {
                (*static_cast<Row*>(context))(values);
                return 0;
            },
            &row, &problem);
        std::string text = problem ? problem : "";
        sqlite3_free(problem);
        if (code != SQLITE_OK) throw std::runtime_error(text + " in " + sql);
        return first;
    }

private:
    sqlite3* _handle = nullptr;
};

std::string serverUrl(const std::string& database) {
    const std::string url = setting("USHER_TEST_PG_URL");
    return url.substr(0, url.rfind('/') + 1) + database;
}

std::string newName() {
    static std::atomic<int> count{0};
    return "usher_test_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
}

} // namespace

TemporaryDatabase::TemporaryDatabase() {
    if (StoreFixture::onPostgres()) {
        _name = newName();
        RawPostgres(serverUrl("postgres")).run("CREATE DATABASE " + _name);
        url = serverUrl(_name);
        sql = std::make_unique<RawPostgres>(url);
        return;
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "usher-store.XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    _folder = pattern;
    url = "sqlite://" + (_folder / "usher.db").string();
    sql = std::make_unique<RawSqlite>((_folder / "usher.db").string());
}

TemporaryDatabase::~TemporaryDatabase() {
    sql.reset();
    if (!_name.empty())
        RawPostgres(serverUrl("postgres")).run("DROP DATABASE IF EXISTS " + _name + " WITH (FORCE)");
    if (!_folder.empty()) std::filesystem::remove_all(_folder);
}

bool StoreFixture::onPostgres() {
    return setting("USHER_TEST_STORE") == "postgres";
}

namespace {

/// On PostgreSQL one database serves all tests of the program, emptied before each: making one takes long.
struct Shared {
    Shared() { Database::open({database.url, "", 8})->migrator().apply(); }
    TemporaryDatabase database;
};

std::unique_ptr<Shared> shared;

struct DropShared {
    ~DropShared() { shared.reset(); }
} dropShared;

} // namespace

void StoreFixture::setUp() {
    if (onPostgres()) {
        if (!shared) shared = std::make_unique<Shared>();
        _url = shared->database.url;
        shared->database.sql->run("TRUNCATE jobs, tests, job_tests, job_revisions, job_claims, runs, "
                                  "run_tests, run_events, idempotency, "
                                  "audit_log, nodes, job_secrets, schedules, webhooks, webhook_outbox");
        _sql = std::make_unique<RawPostgres>(_url);
    } else {
        std::string pattern = (std::filesystem::temp_directory_path() / "usher-store.XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
        _folder = pattern;
        _url = "sqlite://" + (_folder / "usher.db").string();
        Database::open({_url, "", 8})->migrator().apply();
        _sql = std::make_unique<RawSqlite>((_folder / "usher.db").string());
    }
    _database = openAgain();
}

void StoreFixture::tearDown() {
    _database.reset();
    _sql.reset();
    if (!_folder.empty()) std::filesystem::remove_all(_folder);
}

std::unique_ptr<Database> StoreFixture::openAgain(int connections) const {
    return Database::open({_url, "", connections});
}

Job StoreFixture::newJob(const std::string& name, const std::function<void(JobSettings&)>& change) {
    JobSettings settings;
    settings.name = name;
    if (change) change(settings);
    return jobs().createJob(settings, std::nullopt);
}

Job StoreFixture::newJobWithTests(int count, const std::function<void(JobSettings&)>& change) {
    Job job = newJob("nightly", change);
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) ids.push_back(newTest("test " + std::to_string(i)).id);
    CPPUNIT_ASSERT(jobs().setTestsOf(job.id, ids) == JobStore::ListChange::changed);
    return *jobs().findJob(job.id);
}

Test StoreFixture::newTest(const std::string& title, const std::string& script) {
    TestSettings settings;
    settings.title = title;
    settings.type = "shell";
    settings.script = script;
    return jobs().createTest(settings);
}

std::optional<Job> StoreFixture::changeJob(const std::string& id, const JobSettings& settings) {
    while (const auto seen = jobs().findJob(id))
        if (auto job = jobs().updateJob(*seen, settings)) return job;
    return std::nullopt;
}

std::optional<Test> StoreFixture::changeTest(const std::string& id, const TestSettings& settings) {
    while (const auto seen = jobs().findTest(id))
        if (auto test = jobs().updateTest(*seen, settings)) return test;
    return std::nullopt;
}

NewRun StoreFixture::newRun(const Job& job) const {
    NewRun run;
    run.runId = createUuid();
    run.jobId = job.id;
    run.revision = job.revision;
    run.trigger = "remote";
    run.triggeredBy = "ci key";
    run.principalId = "api-key:1";
    run.parametersJson = "{}";
    run.priority = job.priority;
    run.queuedAt = now();
    return run;
}

std::string StoreFixture::queue(const Job& job, const std::function<void(NewRun&)>& change) {
    NewRun run = newRun(job);
    if (change) change(run);
    const auto inserted = triggers().insertRuns(std::span(&run, 1), soon());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, inserted.size());
    CPPUNIT_ASSERT(inserted[0].kind == Inserted::Kind::inserted);
    return run.runId;
}

std::vector<ClaimedRun> StoreFixture::claim(int maxRuns, const std::string& node) {
    return runs().claim({node, "basic", now(), now() + 30'000'000, maxRuns});
}

RunOutcome StoreFixture::outcomeOf(const ClaimedRun& run, RunStatus status) {
    RunOutcome outcome;
    outcome.runId = run.runId;
    outcome.attempt = run.attempt;
    outcome.leaseEpoch = run.leaseEpoch;
    outcome.status = status;
    outcome.sandbox = "basic (rlimits)";
    outcome.startedAt = now() - 1'000'000;
    outcome.completedAt = outcome.startedAt + 750'000;
    outcome.exitCode = 0;
    for (const TestToRun& planned : run.tests) {
        RunTest test;
        test.position = planned.position;
        test.testId = planned.testId;
        test.title = planned.title;
        test.type = planned.type;
        test.status = TestStatus::passed;
        test.exitCode = 0;
        test.startedAt = outcome.startedAt;
        test.completedAt = outcome.completedAt;
        test.durationMs = 750;
        test.outputBytes = 12;
        outcome.tests.push_back(std::move(test));
    }
    return outcome;
}

void StoreFixture::inParallel(int count, const std::function<void(int)>& work) {
    std::barrier start(count);
    std::vector<std::string> problems(static_cast<std::size_t>(count));
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
        threads.emplace_back([&, i] {
            start.arrive_and_wait();
            try {
                work(i);
            } catch (const std::exception& error) {
                problems[static_cast<std::size_t>(i)] = error.what();
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const std::string& problem : problems) CPPUNIT_ASSERT_EQUAL(std::string(), problem);
}

} // namespace usher
