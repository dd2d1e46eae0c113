#include "storage/SqlJobStore.h"

#include "base/Cursor.h"
#include "base/Uuid.h"
#include "domain/Errors.h"

#include <algorithm>
#include <set>

namespace usher {

namespace {

constexpr std::size_t kJobColumns = 20;
const std::string kSelectJob =
    "SELECT CAST(j.id AS varchar(36)), j.name, j.description, CASE WHEN j.paused THEN '1' ELSE '0' END, "
    "CAST(j.max_concurrency AS text), CAST(j.queue_limit AS text), CAST(j.timeout_seconds AS text), "
    "CAST(j.retries AS text), j.on_lost, CAST(j.parallelism AS text), j.on_busy, CAST(j.priority AS text), "
    "j.network, "
    "CAST(j.parameters AS text), CAST(j.revision AS text), j.created_by_user_id, CAST(j.last_run_at AS "
    "text), "
    "CAST(j.created_at AS text), CAST(j.updated_at AS text), "
    "CAST((SELECT count(*) FROM job_tests l WHERE l.job_id = j.id) AS text) FROM jobs j ";

constexpr std::size_t kTestColumns = 9;
const std::string kTestHead = "SELECT CAST(t.id AS varchar(36)), t.title, t.description, t.type, ";
const std::string kTestTail = ", CASE WHEN t.plain_script THEN '1' ELSE '0' END, CAST(t.priority AS text), "
                              "CAST(t.created_at AS text), CAST(t.updated_at AS text) FROM tests t ";
const std::string kSelectTest = kTestHead + "t.script" + kTestTail;

Job jobAt(const SqlRows& rows, std::size_t row) {
    Job job;
    job.id = rows.text(row, 0);
    job.name = rows.text(row, 1);
    job.description = rows.text(row, 2);
    job.paused = rows.flag(row, 3);
    job.maxConcurrency = static_cast<int>(rows.integer(row, 4));
    job.queueLimit = static_cast<int>(rows.integer(row, 5));
    job.timeoutSeconds = static_cast<int>(rows.integer(row, 6));
    job.retries = static_cast<int>(rows.integer(row, 7));
    job.onLost = onLostFrom(rows.text(row, 8)).value_or(OnLost::fail);
    job.parallelism = static_cast<int>(rows.integer(row, 9));
    job.onBusy = onBusyFrom(rows.text(row, 10)).value_or(OnBusy::queue);
    job.priority = static_cast<int>(rows.integer(row, 11));
    job.network = rows.text(row, 12) == "full";
    job.parameters = parametersFromJson(rows.text(row, 13));
    job.revision = rows.integer(row, 14);
    job.createdByUserId = rows.value(row, 15);
    job.lastRunAt = rows.maybeInteger(row, 16);
    job.createdAt = rows.integer(row, 17);
    job.updatedAt = rows.integer(row, 18);
    job.testCount = static_cast<int>(rows.integer(row, 19));
    return job;
}

Test testAt(const SqlRows& rows, std::size_t row) {
    Test test;
    test.id = rows.text(row, 0);
    test.title = rows.text(row, 1);
    test.description = rows.text(row, 2);
    test.type = rows.text(row, 3);
    test.script = rows.text(row, 4);
    test.plainScript = rows.flag(row, 5);
    test.priority = static_cast<int>(rows.integer(row, 6));
    test.createdAt = rows.integer(row, 7);
    test.updatedAt = rows.integer(row, 8);
    return test;
}

/// The settings as parameters $1 to $13.
std::vector<SqlValue> valuesOf(const JobSettings& s) {
    return {sqlValue(s.name),
            sqlValue(s.description),
            sqlValue(s.paused),
            sqlValue(std::int64_t{s.maxConcurrency}),
            sqlValue(std::int64_t{s.queueLimit}),
            sqlValue(std::int64_t{s.timeoutSeconds}),
            sqlValue(std::int64_t{s.retries}),
            sqlValue(toText(s.onLost)),
            sqlValue(std::int64_t{s.parallelism}),
            sqlValue(toText(s.onBusy)),
            sqlValue(std::int64_t{s.priority}),
            sqlValue(std::string_view(s.network ? "full" : "none")),
            sqlValue(parametersToJson(s.parameters))};
}

/// The settings as parameters $1 to $6.
std::vector<SqlValue> valuesOf(const TestSettings& s) {
    return {sqlValue(s.title),  sqlValue(s.description), sqlValue(s.type),
            sqlValue(s.script), sqlValue(s.plainScript), sqlValue(std::int64_t{s.priority})};
}

void append(std::vector<SqlValue>& values, std::initializer_list<SqlValue> more) {
    values.insert(values.end(), more.begin(), more.end());
}

template <class Item, class Read>
Page<Item> readPage(Poco::Data::Session& session, const std::string& select, const std::string& alias,
                    std::size_t columns, const PageRequest& request, Read read) {
    const int limit = std::clamp(request.limit, 1, 200);
    std::vector<SqlValue> params;
    std::string where;
    if (auto cursor = cursorFrom(request.cursor)) {
        where = "WHERE (" + alias + ".created_at, " + alias + ".id) > ($1, $2) ";
        params = {sqlValue(cursor->at), sqlValue(cursor->id)};
    }
    const std::string order =
        "ORDER BY " + alias + ".created_at, " + alias + ".id LIMIT " + std::to_string(limit + 1);
    const SqlRows rows = sqlSelect(session, select + where + order, columns, params);
    Page<Item> page;
    for (std::size_t i = 0; i < rows.size() && static_cast<int>(i) < limit; ++i)
        page.items.push_back(read(rows, i));
    if (rows.size() > static_cast<std::size_t>(limit))
        page.nextCursor = toCursor({page.items.back().createdAt, page.items.back().id});
    return page;
}

std::optional<Job> readJob(Poco::Data::Session& session, const std::string& id) {
    const SqlRows rows = sqlSelect(session, kSelectJob + "WHERE j.id = $1", kJobColumns, {sqlValue(id)});
    if (rows.empty()) return std::nullopt;
    return jobAt(rows, 0);
}

std::optional<Test> readTest(Poco::Data::Session& session, const std::string& id) {
    const SqlRows rows = sqlSelect(session, kSelectTest + "WHERE t.id = $1", kTestColumns, {sqlValue(id)});
    if (rows.empty()) return std::nullopt;
    return testAt(rows, 0);
}

} // namespace

Page<Job> SqlJobStore::listJobs(const PageRequest& request) {
    Page<Job> page;
    _source.read([&](Poco::Data::Session& session) {
        page = readPage<Job>(session, kSelectJob, "j", kJobColumns, request, jobAt);
    });
    return page;
}

std::optional<Job> SqlJobStore::findJob(const std::string& id) {
    const auto uuid = parseUuid(id);
    std::optional<Job> job;
    if (uuid) _source.read([&](Poco::Data::Session& session) { job = readJob(session, *uuid); });
    return job;
}

Job SqlJobStore::createJob(const JobSettings& settings, const std::optional<std::string>& createdByUserId) {
    Job job;
    static_cast<JobSettings&>(job) = settings;
    job.id = createUuid();
    job.createdByUserId = createdByUserId;
    job.createdAt = job.updatedAt = SystemClock().now();
    std::vector<SqlValue> values = valuesOf(settings);
    append(values, {sqlValue(job.id), job.createdByUserId, sqlValue(job.createdAt)});
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(
            session,
            "INSERT INTO jobs (name, description, paused, max_concurrency, queue_limit, timeout_seconds, "
            "retries, on_lost, parallelism, on_busy, priority, network, parameters, id, created_by_user_id, "
            "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
            "$15, "
            "$16, $16)",
            values);
    });
    return job;
}

std::optional<Job> SqlJobStore::updateJob(const Job& seen, const JobSettings& settings) {
    std::optional<Job> job;
    std::vector<SqlValue> values = valuesOf(settings);
    append(values, {sqlValue(SystemClock().now()), sqlValue(seen.id), sqlValue(seen.revision)});
    _source.write([&](Poco::Data::Session& session) {
        const SqlRows written = sqlSelect(
            session,
            "UPDATE jobs SET name = $1, description = $2, paused = $3, max_concurrency = $4, "
            "queue_limit = $5, "
            "timeout_seconds = $6, retries = $7, on_lost = $8, parallelism = $9, on_busy = $10, "
            "priority = $11, "
            "network = $12, parameters = $13, updated_at = $14, revision = revision + 1 WHERE id = $15 AND "
            "revision = CAST($16 AS bigint) RETURNING name",
            1, values);
        job = written.empty() ? std::nullopt : readJob(session, seen.id);
    });
    return job;
}

bool SqlJobStore::deleteJob(const std::string& id) {
    const auto uuid = parseUuid(id);
    if (!uuid) return false;
    constexpr std::size_t batch = 500;
    bool found = false, more = true;
    const Instant deadline = storageDeadline();
    for (int round = 0; more && round < 1000; ++round) {
        _source.write([&](Poco::Data::Session& session) {
            // Claims lock job_claims before runs; the same order here keeps the two from waiting for each
            // other.
            sqlSelect(session,
                      "SELECT CAST(job_id AS varchar(36)) FROM job_claims WHERE job_id = $1" +
                          locking(" FOR UPDATE"),
                      1, {sqlValue(*uuid)});
            found = !sqlSelect(session, "SELECT name FROM jobs WHERE id = $1", 1, {sqlValue(*uuid)}).empty();
            more = false;
            if (!found) return;
            const std::string some =
                "(SELECT id FROM runs WHERE job_id = $1 ORDER BY id LIMIT " + std::to_string(batch) + ")";
            more = sqlSelect(session,
                             "SELECT 'x' FROM runs WHERE job_id = $1 LIMIT " + std::to_string(batch + 1), 1,
                             {sqlValue(*uuid)})
                       .size() > batch;
            if (more) {
                if (round == 0)
                    sqlChange(session, "UPDATE jobs SET paused = $1 WHERE id = $2", {"1", sqlValue(*uuid)});
                sqlChange(session, "DELETE FROM runs WHERE id IN " + some, {sqlValue(*uuid)});
            } else {
                sqlChange(session, "DELETE FROM jobs WHERE id = $1", {sqlValue(*uuid)});
            }
        });
        if (more && std::chrono::steady_clock::now() > deadline)
            throw StorageUnavailable("the job's history is long: it is being deleted in parts, ask again");
    }
    return found;
}

Page<Test> SqlJobStore::listTests(const PageRequest& request) {
    Page<Test> page;
    _source.read([&](Poco::Data::Session& session) {
        page = readPage<Test>(session, kSelectTest, "t", kTestColumns, request, testAt);
    });
    return page;
}

std::optional<Test> SqlJobStore::findTest(const std::string& id) {
    const auto uuid = parseUuid(id);
    std::optional<Test> test;
    if (uuid) _source.read([&](Poco::Data::Session& session) { test = readTest(session, *uuid); });
    return test;
}

Test SqlJobStore::createTest(const TestSettings& settings) {
    Test test;
    static_cast<TestSettings&>(test) = settings;
    test.id = createUuid();
    test.createdAt = test.updatedAt = SystemClock().now();
    std::vector<SqlValue> values = valuesOf(settings);
    append(values, {sqlValue(test.id), sqlValue(test.createdAt)});
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(
            session,
            "INSERT INTO tests (title, description, type, script, plain_script, priority, id, created_at, "
            "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
            values);
    });
    return test;
}

std::optional<Test> SqlJobStore::updateTest(const Test& seen, const TestSettings& settings) {
    std::optional<Test> test;
    std::vector<SqlValue> values = valuesOf(settings);
    append(values, {sqlValue(std::max(SystemClock().now(), seen.updatedAt + 1)), sqlValue(seen.id),
                    sqlValue(seen.updatedAt)});
    _source.write([&](Poco::Data::Session& session) {
        const SqlRows written = sqlSelect(
            session,
            "UPDATE tests SET title = $1, description = $2, type = $3, script = $4, plain_script = $5, "
            "priority = $6, updated_at = $7 WHERE id = $8 AND updated_at = CAST($9 AS bigint) RETURNING "
            "title",
            1, values);
        test = written.empty() ? std::nullopt : readTest(session, seen.id);
    });
    return test;
}

JobStore::Removal SqlJobStore::deleteTest(const std::string& id) {
    const auto uuid = parseUuid(id);
    Removal removal = Removal::notFound;
    if (!uuid) return removal;
    _source.write([&](Poco::Data::Session& session) {
        // FOR UPDATE waits for those who are adding this test to a list; the next statement sees them.
        removal = Removal::notFound;
        if (sqlSelect(session, "SELECT title FROM tests WHERE id = $1" + locking(" FOR UPDATE"), 1,
                      {sqlValue(*uuid)})
                .empty())
            return;
        removal = Removal::inUse;
        if (!sqlSelect(session, "SELECT 'x' FROM job_tests WHERE test_id = $1 LIMIT 1", 1, {sqlValue(*uuid)})
                 .empty())
            return;
        sqlChange(session, "DELETE FROM tests WHERE id = $1", {sqlValue(*uuid)});
        removal = Removal::removed;
    });
    return removal;
}

std::vector<Test> SqlJobStore::testsOf(const std::string& jobId) {
    const auto uuid = parseUuid(jobId);
    std::vector<Test> tests;
    if (!uuid) return tests;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(session,
                                       kTestHead + "''" + kTestTail +
                                           "JOIN job_tests l ON l.test_id = t.id "
                                           "WHERE l.job_id = $1 ORDER BY l.order_position, l.test_id",
                                       kTestColumns, {sqlValue(*uuid)});
        for (std::size_t i = 0; i < rows.size(); ++i) tests.push_back(testAt(rows, i));
    });
    return tests;
}

JobStore::ListChange SqlJobStore::setTestsOf(const std::string& jobId, std::span<const std::string> testIds) {
    const auto uuid = parseUuid(jobId);
    if (!uuid) return ListChange::jobNotFound;
    std::vector<std::string> wanted;
    for (const std::string& id : testIds) {
        const auto test = parseUuid(id);
        if (!test) return ListChange::testNotFound;
        // A test stands in a list once: the first place counts.
        if (std::find(wanted.begin(), wanted.end(), *test) == wanted.end()) wanted.push_back(*test);
    }
    ListChange change = ListChange::changed;
    _source.write([&](Poco::Data::Session& session) {
        // Tests before jobs, each by id: the order of the revision triggers.
        change = ListChange::changed;
        for (const std::string& test : std::set<std::string>(wanted.begin(), wanted.end()))
            if (sqlSelect(session, "SELECT title FROM tests WHERE id = $1" + locking(" FOR SHARE"), 1,
                          {sqlValue(test)})
                    .empty())
                change = ListChange::testNotFound;
        if (!sqlLockJob(session, _source.kind(), *uuid)) change = ListChange::jobNotFound;
        if (change != ListChange::changed) return;
        sqlChange(session, "DELETE FROM job_tests WHERE job_id = $1", {sqlValue(*uuid)});
        for (std::size_t i = 0; i < wanted.size(); ++i)
            sqlChange(session, "INSERT INTO job_tests (job_id, test_id, order_position) VALUES ($1, $2, $3)",
                      {sqlValue(*uuid), sqlValue(wanted[i]), sqlValue(static_cast<std::int64_t>(i))});
    });
    return change;
}

} // namespace usher
