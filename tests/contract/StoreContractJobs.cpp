#include "StoreFixture.h"

#include "base/Uuid.h"

#include <cppunit/extensions/HelperMacros.h>

#include <set>

namespace usher {

class StoreContractJobs : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractJobs);
    CPPUNIT_TEST(aJobComesBackAsItWasWritten);
    CPPUNIT_TEST(hostileTextsComeBackToTheLetter);
    CPPUNIT_TEST(everyChangeCountsTheRevisionUp);
    CPPUNIT_TEST(lastRunAndStatusLeaveTheRevisionAlone);
    CPPUNIT_TEST(otherProgramsMayWriteWithFewColumns);
    CPPUNIT_TEST(changesByOtherProgramsCountTheRevisionUp);
    CPPUNIT_TEST(aListKeepsItsOrder);
    CPPUNIT_TEST(aListWithAnUnknownTestChangesNothing);
    CPPUNIT_TEST(aTestInUseIsNotDeleted);
    CPPUNIT_TEST(pagesShowEveryJobOnceOldestFirst);
    CPPUNIT_TEST(malformedCursorsAndIdsAreHarmless);
    CPPUNIT_TEST(deletingAJobTakesItsRuns);
    CPPUNIT_TEST(concurrentChangesEachCount);
    CPPUNIT_TEST(whatOthersChangedMeanwhileIsNotOverwritten);
    CPPUNIT_TEST(listsAndTestsChangedAtOnceDoNotDeadlock);
    CPPUNIT_TEST(nodesAndAuditRecordsAreKept);
    CPPUNIT_TEST_SUITE_END();

    static std::vector<std::string> hostile() {
        std::string large;
        for (int i = 0; i < 20'000; ++i) large += "0123456789";
        return {"'; DROP TABLE jobs; --",
                "\"quoted\" and \\back\\slashed\\",
                "{a,b}",
                "NULL",
                "null",
                "$1 $2 ${HOME} %s %n",
                "-- comment /* other */",
                "line\nbreak\r\ntab\t",
                "\xF0\x9F\x9A\x80 \xE6\x97\xA5\xE6\x9C\xAC \xC3\xBC \xE2\x80\xAE",
                "E'\\x41' || version()",
                "  spaces  ",
                "{\"json\": [1, \"two\"]}",
                large};
    }

    void aJobComesBackAsItWasWritten() {
        JobSettings s;
        s.name = "nightly";
        s.description = "all of it";
        s.paused = true;
        s.maxConcurrency = 3;
        s.queueLimit = 7;
        s.timeoutSeconds = 60;
        s.retries = 2;
        s.onLost = OnLost::rerun;
        s.parallelism = 4;
        s.onBusy = OnBusy::coalesce;
        s.priority = 9;
        s.network = true;
        s.parameters = {{"BRANCH", true, std::nullopt, "[a-z]+"}, {"TARGET", false, "prod", std::nullopt}};
        const Job made = jobs().createJob(s, "user-1");
        const auto found = jobs().findJob(made.id);
        CPPUNIT_ASSERT(found);
        CPPUNIT_ASSERT_EQUAL(s.name, found->name);
        CPPUNIT_ASSERT_EQUAL(s.description, found->description);
        CPPUNIT_ASSERT(found->paused && found->network);
        CPPUNIT_ASSERT_EQUAL(3, found->maxConcurrency);
        CPPUNIT_ASSERT_EQUAL(7, found->queueLimit);
        CPPUNIT_ASSERT_EQUAL(60, found->timeoutSeconds);
        CPPUNIT_ASSERT_EQUAL(2, found->retries);
        CPPUNIT_ASSERT(found->onLost == OnLost::rerun && found->onBusy == OnBusy::coalesce);
        CPPUNIT_ASSERT_EQUAL(4, found->parallelism);
        CPPUNIT_ASSERT_EQUAL(9, found->priority);
        CPPUNIT_ASSERT_EQUAL(parametersToJson(s.parameters), parametersToJson(found->parameters));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, found->revision);
        CPPUNIT_ASSERT_EQUAL(std::string("user-1"), found->createdByUserId.value_or(""));
        CPPUNIT_ASSERT_EQUAL(made.createdAt, found->createdAt);
        CPPUNIT_ASSERT(!found->lastRunAt);
        CPPUNIT_ASSERT_EQUAL(0, found->testCount);
        CPPUNIT_ASSERT_EQUAL(std::string("active"), sql().value("SELECT status FROM jobs"));
    }

    void hostileTextsComeBackToTheLetter() {
        for (const std::string& text : hostile()) {
            const std::string title = text.size() > 255 ? text.substr(0, 255) : text;
            JobSettings s;
            s.name = title;
            s.description = text;
            s.parameters = {{"P", false, text, text.substr(0, 200)}};
            const Job job = jobs().createJob(s, title);
            const auto found = jobs().findJob(job.id);
            CPPUNIT_ASSERT_EQUAL(title, found->name);
            CPPUNIT_ASSERT_EQUAL(text, found->description);
            CPPUNIT_ASSERT_EQUAL(text, *found->parameters.at(0).defaultValue);
            CPPUNIT_ASSERT_EQUAL(title, *found->createdByUserId);
            TestSettings t;
            t.title = title;
            t.description = text;
            t.type = title;
            t.script = text;
            const auto test = jobs().findTest(jobs().createTest(t).id);
            CPPUNIT_ASSERT_EQUAL(title, test->title);
            CPPUNIT_ASSERT_EQUAL(text, test->description);
            CPPUNIT_ASSERT_EQUAL(title, test->type);
            CPPUNIT_ASSERT_EQUAL(text, test->script);
            CPPUNIT_ASSERT(changeTest(test->id, t)->script == text);
        }
    }

    std::int64_t revision(const Job& job) { return jobs().findJob(job.id)->revision; }

    void everyChangeCountsTheRevisionUp() {
        const Job job = newJob();
        const Test test = newTest();
        CPPUNIT_ASSERT(changeJob(job.id, job)->revision == 2);
        const std::string ids[] = {test.id};
        CPPUNIT_ASSERT(jobs().setTestsOf(job.id, ids) == JobStore::ListChange::changed);
        const std::int64_t listed = revision(job);
        CPPUNIT_ASSERT(listed > 2);
        TestSettings changed = test;
        changed.script = "false";
        CPPUNIT_ASSERT(changeTest(test.id, changed));
        CPPUNIT_ASSERT(revision(job) > listed);
        const std::int64_t edited = revision(job);
        CPPUNIT_ASSERT(jobs().setTestsOf(job.id, {}) == JobStore::ListChange::changed);
        CPPUNIT_ASSERT(revision(job) > edited);
        CPPUNIT_ASSERT(!changeJob(createUuid(), job));
        CPPUNIT_ASSERT(!changeTest(createUuid(), changed));
    }

    void lastRunAndStatusLeaveTheRevisionAlone() {
        const Job job = newJob();
        sql().run("UPDATE jobs SET last_run_at = 5, status = 'whatever'");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, revision(job));
        CPPUNIT_ASSERT_EQUAL(Micros{5}, jobs().findJob(job.id)->lastRunAt.value_or(0));
    }

    void otherProgramsMayWriteWithFewColumns() {
        const Micros before = now() - 2'000'000;
        sql().run("INSERT INTO jobs (name) VALUES ('theirs')");
        sql().run("INSERT INTO tests (title, script) VALUES ('t', 'dHJ1ZQ==')");
        sql().run("INSERT INTO job_tests (job_id, test_id) SELECT jobs.id, tests.id FROM jobs, tests");
        const Page<Job> page = jobs().listJobs({});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page.items.size());
        const Job& job = page.items[0];
        CPPUNIT_ASSERT(parseUuid(job.id) == job.id);
        CPPUNIT_ASSERT(job.createdAt > before && job.createdAt < now() + 2'000'000);
        CPPUNIT_ASSERT_EQUAL(1, job.testCount);
        const auto tests = jobs().testsOf(job.id);
        CPPUNIT_ASSERT_EQUAL(std::string(""), tests.at(0).script);
        CPPUNIT_ASSERT(!tests[0].plainScript);
        queue(job);
        sql().run("INSERT INTO runs (job_id) SELECT id FROM jobs");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim().size());
    }

    void changesByOtherProgramsCountTheRevisionUp() {
        const Job job = newJobWithTests(2);
        std::int64_t last = job.revision;
        for (const char* change :
             {"UPDATE jobs SET paused = NOT paused", "UPDATE tests SET script = 'exit 1'",
              "UPDATE tests SET title = 'x'", "UPDATE job_tests SET order_position = order_position + 1",
              "DELETE FROM job_tests",
              "INSERT INTO job_tests (job_id, test_id) SELECT j.id, t.id FROM jobs j, tests t"}) {
            sql().run(change);
            CPPUNIT_ASSERT_MESSAGE(change, revision(job) > last);
            last = revision(job);
        }
        sql().run("UPDATE tests SET updated_at = 1");
        CPPUNIT_ASSERT_EQUAL(last, revision(job));
    }

    void aListKeepsItsOrder() {
        const Job job = newJob();
        const Test a = newTest("a"), b = newTest("b"), c = newTest("c");
        const std::string order[] = {c.id, a.id, b.id, a.id};
        CPPUNIT_ASSERT(jobs().setTestsOf(job.id, order) == JobStore::ListChange::changed);
        std::string titles;
        for (const Test& test : jobs().testsOf(job.id)) titles += test.title;
        CPPUNIT_ASSERT_EQUAL(std::string("cab"), titles);
        CPPUNIT_ASSERT(jobs().testsOf(createUuid()).empty());
    }

    void aListWithAnUnknownTestChangesNothing() {
        const Job job = newJobWithTests(1);
        const std::string ids[] = {jobs().testsOf(job.id)[0].id, createUuid()};
        CPPUNIT_ASSERT(jobs().setTestsOf(job.id, ids) == JobStore::ListChange::testNotFound);
        CPPUNIT_ASSERT(jobs().setTestsOf(createUuid(), {}) == JobStore::ListChange::jobNotFound);
        CPPUNIT_ASSERT_EQUAL(job.revision, revision(job));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs().testsOf(job.id).size());
    }

    void aTestInUseIsNotDeleted() {
        const Job job = newJobWithTests(1);
        const std::string id = jobs().testsOf(job.id)[0].id;
        CPPUNIT_ASSERT(jobs().deleteTest(id) == JobStore::Removal::inUse);
        CPPUNIT_ASSERT(jobs().setTestsOf(job.id, {}) == JobStore::ListChange::changed);
        CPPUNIT_ASSERT(jobs().deleteTest(id) == JobStore::Removal::removed);
        CPPUNIT_ASSERT(jobs().deleteTest(id) == JobStore::Removal::notFound);
    }

    void pagesShowEveryJobOnceOldestFirst() {
        for (int i = 0; i < 25; ++i) newJob("job " + std::to_string(i));
        std::vector<std::string> names;
        PageRequest request{10, ""};
        int pages = 0;
        do {
            const Page<Job> page = jobs().listJobs(request);
            for (const Job& job : page.items) names.push_back(job.name);
            request.cursor = page.nextCursor;
        } while (!request.cursor.empty() && ++pages < 10);
        CPPUNIT_ASSERT_EQUAL(std::size_t{25}, names.size());
        for (int i = 0; i < 25; ++i)
            CPPUNIT_ASSERT_EQUAL("job " + std::to_string(i), names[static_cast<std::size_t>(i)]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, jobs().listTests({}).items.size());
    }

    void malformedCursorsAndIdsAreHarmless() {
        newJob();
        for (const std::string cursor : {"x", "'; DROP TABLE jobs", "====", "MTIzNDU", "MS9ub3QtYW4taWQ"})
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs().listJobs({10, cursor}).items.size());
        for (const std::string id : {"", "1", "' OR 1=1", "not-a-uuid"}) {
            CPPUNIT_ASSERT(!jobs().findJob(id));
            CPPUNIT_ASSERT(!jobs().findTest(id));
            CPPUNIT_ASSERT(!runs().findRun(id));
            CPPUNIT_ASSERT(!jobs().deleteJob(id));
            CPPUNIT_ASSERT(jobs().deleteTest(id) == JobStore::Removal::notFound);
            CPPUNIT_ASSERT(runs().requestCancel(id, "x", now()) == RunStore::Cancel::notFound);
            RunFilter filter;
            filter.jobId = id;
            CPPUNIT_ASSERT(runs().listRuns(filter).items.empty());
        }
    }

    void deletingAJobTakesItsRuns() {
        const Job job = newJobWithTests(1), other = newJobWithTests(1);
        std::vector<NewRun> batch;
        for (int i = 0; i < 1200; ++i) batch.push_back(newRun(job));
        for (std::size_t from = 0; from < batch.size(); from += 400)
            triggers().insertRuns(std::span(batch).subspan(from, 400), soon());
        queue(other);
        CPPUNIT_ASSERT(claim(2).size() == 2);
        CPPUNIT_ASSERT(jobs().deleteJob(job.id));
        CPPUNIT_ASSERT(!jobs().findJob(job.id));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), sql().value("SELECT count(*) FROM runs"));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), sql().value("SELECT count(*) FROM job_claims"));
        CPPUNIT_ASSERT(!jobs().deleteJob(job.id));
    }

    void concurrentChangesEachCount() {
        const Job job = newJobWithTests(2);
        const auto tests = jobs().testsOf(job.id);
        constexpr int rounds = 10;
        inParallel(4, [&](int i) {
            for (int round = 0; round < rounds; ++round) {
                TestSettings change = tests[static_cast<std::size_t>(i % 2)];
                change.script = "echo " + std::to_string(i) + "." + std::to_string(round);
                changeTest(tests[static_cast<std::size_t>(i % 2)].id, change);
            }
        });
        CPPUNIT_ASSERT_EQUAL(job.revision + 4 * rounds, revision(job));
    }

    /// Each of four adds one to a number of its own, again and again: what others wrote stays.
    void whatOthersChangedMeanwhileIsNotOverwritten() {
        const Job job = newJobWithTests(
            1, [](JobSettings& s) { s.maxConcurrency = s.queueLimit = s.timeoutSeconds = 1; });
        const Test test = jobs().testsOf(job.id)[0];
        int JobSettings::*const numbers[] = {&JobSettings::maxConcurrency, &JobSettings::queueLimit,
                                             &JobSettings::timeoutSeconds};
        constexpr int rounds = 10;
        inParallel(4, [&](int i) {
            for (int round = 0; round < rounds;) {
                if (i == 3) {
                    const Test seen = jobs().findTest(test.id).value();
                    TestSettings changed = seen;
                    changed.description += "x";
                    round += jobs().updateTest(seen, changed).has_value();
                    continue;
                }
                const Job seen = jobs().findJob(job.id).value();
                JobSettings changed = seen;
                ++(changed.*numbers[i]);
                round += jobs().updateJob(seen, changed).has_value();
            }
        });
        const Job now = jobs().findJob(job.id).value();
        for (const auto number : numbers) CPPUNIT_ASSERT_EQUAL(1 + rounds, now.*number);
        CPPUNIT_ASSERT_EQUAL(std::string(rounds, 'x'), jobs().findTest(test.id)->description);
    }

    void listsAndTestsChangedAtOnceDoNotDeadlock() {
        const Job one = newJobWithTests(3), two = newJob("two");
        const auto tests = jobs().testsOf(one.id);
        inParallel(6, [&](int i) {
            for (int round = 0; round < 10; ++round) {
                std::vector<std::string> ids;
                for (std::size_t k = 0; k < 3; ++k)
                    ids.push_back(tests[(k + static_cast<std::size_t>(round)) % 3].id);
                if (i < 2)
                    jobs().setTestsOf(i == 0 ? one.id : two.id, ids);
                else if (i < 4) {
                    TestSettings change = tests[static_cast<std::size_t>(i - 2)];
                    change.script = std::to_string(round);
                    changeTest(tests[static_cast<std::size_t>(i - 2)].id, change);
                } else
                    changeJob(i == 4 ? one.id : two.id, one);
            }
        });
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, jobs().testsOf(two.id).size());
    }

    void nodesAndAuditRecordsAreKept() {
        NodeStore& nodes = db().nodes();
        nodes.registerNode({"n1", "alpha", "boot", "10.0.0.1:8321", 10, 20, false});
        nodes.registerNode({"n2", "beta", "boot", "", 10, 20, true});
        nodes.registerNode({"n1", "alpha", "boot2", "10.0.0.1:8321", 30, 30, false});
        nodes.beat("n1", 99, 20);
        const auto list = nodes.listNodes();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list.size());
        CPPUNIT_ASSERT_EQUAL(std::string("boot2"), list[0].bootId);
        CPPUNIT_ASSERT_EQUAL(Micros{99}, list[0].heartbeatAt);
        CPPUNIT_ASSERT(list[1].draining && !list[0].draining);
        std::vector<AuditRecord> records;
        for (int i = 0; i < 130; ++i)
            records.push_back(
                {i, "user:1", "key.create", "job", "allowed", "", "127.0.0.1", "r", hostile()[1]});
        nodes.appendAudit(records);
        nodes.appendAudit({});
        CPPUNIT_ASSERT_EQUAL(std::string("130"), sql().value("SELECT count(*) FROM audit_log"));
        CPPUNIT_ASSERT_EQUAL(hostile()[1], sql().value("SELECT detail FROM audit_log WHERE at = 129"));
        AuditFilter filter;
        filter.page.limit = 100;
        auto page = nodes.listAudit(filter);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, page.items.size());
        CPPUNIT_ASSERT_EQUAL(Micros{129}, page.items.front().at);
        CPPUNIT_ASSERT_EQUAL(hostile()[1], page.items.front().detail);
        filter.page.cursor = page.nextCursor;
        page = nodes.listAudit(filter);
        CPPUNIT_ASSERT_EQUAL(std::size_t{30}, page.items.size());
        CPPUNIT_ASSERT_EQUAL(Micros{29}, page.items.front().at);
        CPPUNIT_ASSERT(page.nextCursor.empty());
        filter.page = {};
        filter.since = 10;
        filter.until = 12;
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, nodes.listAudit(filter).items.size());
        filter.actor = "user:1";
        filter.action = "key.create";
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, nodes.listAudit(filter).items.size());
        filter.actor = "user:2";
        CPPUNIT_ASSERT(nodes.listAudit(filter).items.empty());
        // The same moment for all: the id decides, and no row comes twice or never.
        nodes.appendAudit(std::vector<AuditRecord>(5, records[0]));
        filter = {};
        filter.until = 1;
        filter.page.limit = 2;
        std::set<std::int64_t> seen;
        do {
            page = nodes.listAudit(filter);
            for (const AuditEntry& entry : page.items) CPPUNIT_ASSERT(seen.insert(entry.id).second);
            filter.page.cursor = page.nextCursor;
        } while (!page.nextCursor.empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{6}, seen.size());
        CPPUNIT_ASSERT(nodes.pruneAudit(100, 60));
        CPPUNIT_ASSERT(!nodes.pruneAudit(100, 60));
        CPPUNIT_ASSERT_EQUAL(std::string("30"), sql().value("SELECT count(*) FROM audit_log"));
        nodes.ping(soon());
        std::string reason;
        CPPUNIT_ASSERT(db().healthy(reason));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractJobs);

} // namespace usher
