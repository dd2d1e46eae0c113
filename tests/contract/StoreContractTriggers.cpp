#include "StoreFixture.h"

#include "base/Uuid.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

namespace usher {

class StoreContractTriggers : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractTriggers);
    CPPUNIT_TEST(jobsAreSeenInTheOrderAsked);
    CPPUNIT_TEST(aBatchIsAnsweredInItsOrder);
    CPPUNIT_TEST(aRowThatMayNotRunLeavesNothing);
    CPPUNIT_TEST(anotherRowsFaultDoesNotRefuseTheRest);
    CPPUNIT_TEST(hostileTextsComeBackToTheLetter);
    CPPUNIT_TEST(aRunKeepsTheTestsOfItsRevision);
    CPPUNIT_TEST(equalKeysMakeOneRun);
    CPPUNIT_TEST(equalKeysInOneBatchMakeOneRun);
    CPPUNIT_TEST(keysOfOthersAreOtherKeys);
    CPPUNIT_TEST(anExpiredKeyIsReplaced);
    CPPUNIT_TEST(aKeyWhoseRunIsGoneIsFree);
    CPPUNIT_TEST(sixteenThreadsWithEqualKeysMakeOneRunEach);
    CPPUNIT_TEST(runsNameTheRevisionThatWasJudged);
    CPPUNIT_TEST(countsStopAtTheLimit);
    CPPUNIT_TEST(aFullBatchGoesIn);
    CPPUNIT_TEST(noTimeLeftIsUnavailable);
    CPPUNIT_TEST_SUITE_END();

    void jobsAreSeenInTheOrderAsked() {
        const Job a = newJobWithTests(2), b = newJob("b", [](JobSettings&s) {
                                              s.paused = true;
                                              s.queueLimit = 3;
                                              s.priority = 8;
                                              s.onBusy = OnBusy::refuse;
                                              s.parameters = {{"X", true, std::nullopt, std::nullopt}};
                                          });
        const std::vector<std::string> ids{b.id, createUuid(), a.id, b.id};
        const auto views = triggers().viewJobs(ids, soon());
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, views.size());
        CPPUNIT_ASSERT(views[0] && !views[1] && views[2] && views[3]);
        CPPUNIT_ASSERT_EQUAL(b.id, views[3]->jobId);
        CPPUNIT_ASSERT(views[0]->paused && !views[2]->paused);
        CPPUNIT_ASSERT_EQUAL(3, views[0]->queueLimit);
        CPPUNIT_ASSERT_EQUAL(8, views[0]->priority);
        CPPUNIT_ASSERT(views[0]->onBusy == OnBusy::refuse);
        CPPUNIT_ASSERT_EQUAL(parametersToJson(b.parameters), views[0]->parametersJson);
        CPPUNIT_ASSERT_EQUAL(2, views[2]->testCount);
        CPPUNIT_ASSERT_EQUAL(a.revision, views[2]->revision);
        CPPUNIT_ASSERT_EQUAL(std::string("nightly"), views[2]->jobName);
        CPPUNIT_ASSERT(triggers().viewJobs({}, soon()).empty());
    }

    void aBatchIsAnsweredInItsOrder() {
        const Job good = newJobWithTests(1),
                  paused = newJobWithTests(1, [](JobSettings&s) { s.paused = true; });
        std::vector<NewRun> batch{newRun(good), newRun(paused), newRun(good), newRun(good), newRun(good)};
        batch[2].revision += 1;
        batch[3].jobId = createUuid();
        for (int round = 0; round < 2;
             ++round) { // the first keeps the revision, the second goes the short way
            for (NewRun& run : batch) run.runId = createUuid();
            const auto outcome = triggers().insertRuns(batch, soon());
            using Kind = Inserted::Kind;
            const Kind wanted[] = {Kind::inserted, Kind::revisionMoved, Kind::revisionMoved,
                                   Kind::revisionMoved, Kind::inserted};
            for (std::size_t i = 0; i < batch.size(); ++i) CPPUNIT_ASSERT(outcome.at(i).kind == wanted[i]);
            CPPUNIT_ASSERT_EQUAL(std::to_string(2 * (round + 1)), count("runs"));
        }
        CPPUNIT_ASSERT(triggers().insertRuns({}, soon()).empty());
    }

    void aRowThatMayNotRunLeavesNothing() {
        const Job job = newJobWithTests(1);
        NewRun run = newRun(job);
        run.revision -= 1;
        run.idempotency = keyOf(job, "k");
        CPPUNIT_ASSERT(insert(run).kind == Inserted::Kind::revisionMoved);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), count("runs"));
        CPPUNIT_ASSERT_EQUAL(std::string("0"), count("idempotency"));
        run.revision += 1;
        CPPUNIT_ASSERT(insert(run).kind == Inserted::Kind::inserted);
    }

    void anotherRowsFaultDoesNotRefuseTheRest() {
        const Job job = newJobWithTests(1);
        std::vector<NewRun> batch{newRun(job), newRun(job), newRun(job)};
        batch[1].runId = batch[0].runId;
        const auto outcome = triggers().insertRuns(batch, soon());
        CPPUNIT_ASSERT(outcome[2].kind == Inserted::Kind::inserted);
        CPPUNIT_ASSERT_EQUAL(std::string("2"), count("runs"));
    }

    void hostileTextsComeBackToTheLetter() {
        const Job job = newJobWithTests(1);
        for (const std::string text :
             {"'; DROP TABLE runs; --", "\"a\" \\ \\\" {1,2} NULL", "", "NULL", "line\nbreak\ttab",
              "\xF0\x9F\x9A\x80 \xE6\x97\xA5\xE6\x9C\xAC", "$1 %s", "},{", "  "}) {
            NewRun run = newRun(job);
            run.triggeredBy = text;
            run.principalId = text;
            run.parametersJson = "{\"P\": \"a\\\"b\\\\c \xF0\x9F\x9A\x80 }\"}";
            if (!text.empty()) run.idempotency = IdempotencyKey{job.id, text, text, text};
            CPPUNIT_ASSERT(insert(run).kind == Inserted::Kind::inserted);
            const auto found = runs().findRun(run.runId);
            CPPUNIT_ASSERT_EQUAL(text, found->triggeredBy);
            CPPUNIT_ASSERT_EQUAL(text, found->principalId);
            CPPUNIT_ASSERT_EQUAL(std::string("a\"b\\c \xF0\x9F\x9A\x80 }"), found->parameters.at("P"));
            if (text.empty()) continue;
            const auto replay = triggers().findReplays(std::span(&*run.idempotency, 1), now(), soon()).at(0);
            CPPUNIT_ASSERT(replay);
            CPPUNIT_ASSERT_EQUAL(run.runId, replay->runId);
            CPPUNIT_ASSERT_EQUAL(text, replay->digest);
            CPPUNIT_ASSERT_EQUAL(text, replay->triggeredBy);
            RunFilter mine;
            mine.principalId = text;
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runs().listRuns(mine).items.size());
        }
    }

    void aRunKeepsTheTestsOfItsRevision() {
        const Job job = newJobWithTests(2);
        const std::string id = queue(job);
        TestSettings change = jobs().testsOf(job.id)[0];
        change.script = "exit 7";
        change.title = "renamed";
        changeTest(jobs().testsOf(job.id)[0].id, change);
        jobs().setTestsOf(job.id, {});
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, runs().findRun(id)->tests.size());
        const auto claimed = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claimed.at(0).tests.size());
        CPPUNIT_ASSERT_EQUAL(std::string("true"), claimed[0].tests[0].script);
        CPPUNIT_ASSERT_EQUAL(std::string("test 0"), claimed[0].tests[0].title);
        CPPUNIT_ASSERT(claimed[0].tests[0].plainScript);
        CPPUNIT_ASSERT_EQUAL(1, claimed[0].tests[1].position);
    }

    void equalKeysMakeOneRun() {
        const Job job = newJobWithTests(3);
        NewRun first = newRun(job), second = newRun(job);
        first.idempotency = second.idempotency = keyOf(job, "once");
        second.idempotency->digest = std::string(64, 'b');
        CPPUNIT_ASSERT(insert(first).kind == Inserted::Kind::inserted);
        const Inserted again = insert(second);
        CPPUNIT_ASSERT(again.kind == Inserted::Kind::replay);
        CPPUNIT_ASSERT_EQUAL(first.runId, again.replay.runId);
        CPPUNIT_ASSERT_EQUAL(std::string(64, 'a'), again.replay.digest);
        CPPUNIT_ASSERT_EQUAL(first.queuedAt, again.replay.queuedAt);
        CPPUNIT_ASSERT_EQUAL(first.triggeredBy, again.replay.triggeredBy);
        CPPUNIT_ASSERT_EQUAL(job.name, again.replay.jobName);
        CPPUNIT_ASSERT_EQUAL(3, again.replay.testCount);
        CPPUNIT_ASSERT(again.replay.status == RunStatus::queued);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), count("runs"));
        // Also when the job has moved on since.
        jobs().setTestsOf(job.id, {});
        CPPUNIT_ASSERT(insert(second).kind == Inserted::Kind::replay);
    }

    void equalKeysInOneBatchMakeOneRun() {
        const Job job = newJobWithTests(1);
        std::vector<NewRun> batch;
        for (int i = 0; i < 6; ++i) {
            batch.push_back(newRun(job));
            if (i != 3) batch.back().idempotency = keyOf(job, i < 3 ? "x" : "y");
        }
        const auto outcome = triggers().insertRuns(batch, soon());
        const bool inserted[] = {true, false, false, true, true, false};
        for (std::size_t i = 0; i < 6; ++i) {
            CPPUNIT_ASSERT((outcome[i].kind == Inserted::Kind::inserted) == inserted[i]);
            if (!inserted[i]) CPPUNIT_ASSERT(outcome[i].kind == Inserted::Kind::replay);
        }
        CPPUNIT_ASSERT_EQUAL(batch[0].runId, outcome[2].replay.runId);
        CPPUNIT_ASSERT_EQUAL(batch[4].runId, outcome[5].replay.runId);
        CPPUNIT_ASSERT_EQUAL(std::string("3"), count("runs"));
    }

    void keysOfOthersAreOtherKeys() {
        const Job a = newJobWithTests(1), b = newJobWithTests(1);
        for (const IdempotencyKey& key :
             {keyOf(a, "k"), keyOf(b, "k"), keyOf(a, "k", "api-key:2"), keyOf(a, "K")})
            queue(key.jobId == a.id ? a : b, [&](NewRun& run) { run.idempotency = key; });
        CPPUNIT_ASSERT_EQUAL(std::string("4"), count("runs"));
        const std::vector<IdempotencyKey> asked{keyOf(b, "k"), keyOf(b, "none"), keyOf(a, "K")};
        const auto found = triggers().findReplays(asked, now(), soon());
        CPPUNIT_ASSERT(found[0] && !found[1] && found[2]);
        CPPUNIT_ASSERT(found[0]->runId != found[2]->runId);
    }

    void anExpiredKeyIsReplaced() {
        const Job job = newJobWithTests(1);
        const IdempotencyKey key = keyOf(job, "daily");
        const Micros day = 24ll * 3600 * 1'000'000;
        const std::string old = queue(job, [&](NewRun& run) {
            run.idempotency = key;
            run.queuedAt = now() - day - 1'000'000;
        });
        CPPUNIT_ASSERT(!triggers().findReplays(std::span(&key, 1), now(), soon())[0]);
        const std::string fresh = queue(job, [&](NewRun& run) { run.idempotency = key; });
        CPPUNIT_ASSERT(old != fresh);
        CPPUNIT_ASSERT_EQUAL(fresh, triggers().findReplays(std::span(&key, 1), now(), soon())[0]->runId);
        CPPUNIT_ASSERT(!triggers().findReplays(std::span(&key, 1), now() + day, soon())[0]);
    }

    void aKeyWhoseRunIsGoneIsFree() {
        const Job job = newJobWithTests(1);
        const IdempotencyKey key = keyOf(job, "k");
        queue(job, [&](NewRun& run) { run.idempotency = key; });
        sql().run("DELETE FROM runs");
        queue(job, [&](NewRun& run) { run.idempotency = key; });
        CPPUNIT_ASSERT_EQUAL(std::string("1"), count("runs"));
    }

    void sixteenThreadsWithEqualKeysMakeOneRunEach() {
        const Job job = newJobWithTests(1);
        const auto second = openAgain();
        std::mutex mutex;
        std::map<std::string, std::set<std::string>> answers;
        std::atomic<int> inserted{0};
        constexpr int keys = 5;
        inParallel(16, [&](int thread) {
            TriggerStore& store = thread % 2 ? second->triggers() : triggers();
            for (int round = 0; round < 6; ++round) {
                std::vector<NewRun> batch;
                for (int k = 0; k < keys; ++k) {
                    batch.push_back(newRun(job));
                    // Different orders: two nodes must not wait for each other crosswise.
                    batch.back().idempotency = keyOf(job, "key " + std::to_string((k + thread) % keys));
                }
                const auto outcome = store.insertRuns(batch, soon());
                std::lock_guard lock(mutex);
                for (std::size_t i = 0; i < batch.size(); ++i) {
                    CPPUNIT_ASSERT(outcome[i].kind != Inserted::Kind::revisionMoved);
                    const bool won = outcome[i].kind == Inserted::Kind::inserted;
                    inserted += won;
                    answers[batch[i].idempotency->key].insert(won ? batch[i].runId : outcome[i].replay.runId);
                }
            }
        });
        CPPUNIT_ASSERT_EQUAL(keys, inserted.load());
        for (const auto& [key, ids] : answers) CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ids.size());
        CPPUNIT_ASSERT_EQUAL(std::to_string(keys), count("runs"));
    }

    /// Writers change a test's script to the revision they saw next; every run must find the script of its
    /// revision.
    void runsNameTheRevisionThatWasJudged() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 100'000; });
        const Test test = jobs().testsOf(job.id)[0];
        std::atomic<int> queued{0}, moved{0}, rounds{0};
        std::atomic<bool> stop{false};
        inParallel(4, [&](int thread) {
            if (thread == 0) {
                for (int i = 0; i < 40; ++i) {
                    TestSettings change = test;
                    change.script = "echo " + std::to_string(i);
                    changeTest(test.id, change);
                    for (const int seen = rounds; rounds < seen + 3;) std::this_thread::yield();
                }
                stop = true;
                return;
            }
            while (!stop) {
                const auto view = triggers().viewJobs(std::span(&job.id, 1), soon()).at(0);
                std::vector<NewRun> batch(4, newRun(job));
                for (std::size_t i = 0; i < batch.size(); ++i) {
                    batch[i].runId = createUuid();
                    batch[i].revision = view->revision;
                    if (thread == 1) batch[i].idempotency = keyOf(job, createUuid());
                }
                for (const Inserted& one : triggers().insertRuns(batch, soon()))
                    ++(one.kind == Inserted::Kind::inserted ? queued : moved);
                ++rounds;
            }
        });
        CPPUNIT_ASSERT(queued > 0);
        CPPUNIT_ASSERT_EQUAL(std::to_string(queued.load()), count("runs"));
        // Revision r was made by the change number r - first: its kept script says so.
        const std::string wrong = sql().value(
            onPostgres()
                ? "SELECT count(*) FROM job_revisions WHERE tests -> 0 ->> 'script' <> CASE WHEN revision "
                  "= " +
                      std::to_string(job.revision) + " THEN 'true' ELSE 'echo ' || (revision - " +
                      std::to_string(job.revision + 1) + ") END"
                : "SELECT count(*) FROM job_revisions WHERE json_extract(tests, '$[0].script') <> CASE WHEN "
                  "revision = " +
                      std::to_string(job.revision) + " THEN 'true' ELSE 'echo ' || (revision - " +
                      std::to_string(job.revision + 1) + ") END");
        CPPUNIT_ASSERT_EQUAL(std::string("0"), wrong);
        CPPUNIT_ASSERT_EQUAL(
            std::string("0"),
            sql().value("SELECT count(*) FROM runs r WHERE NOT EXISTS (SELECT 1 FROM job_revisions v "
                        "WHERE v.job_id = r.job_id AND v.revision = r.revision)"));
    }

    void countsStopAtTheLimit() {
        const Job a = newJobWithTests(1), b = newJobWithTests(1);
        for (int i = 0; i < 5; ++i) queue(a);
        const std::vector<std::string> ids{b.id, a.id, createUuid(), a.id};
        const std::vector<int> limits{10, 10, 10, 2};
        const auto counts = triggers().countQueued(ids, limits, soon());
        CPPUNIT_ASSERT(counts == (std::vector<std::int64_t>{0, 5, 0, 3}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, triggers().countAllQueued(100, soon()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, triggers().countAllQueued(4, soon()));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim().size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, triggers().countAllQueued(100, soon()));
    }

    void aFullBatchGoesIn() {
        const Job job = newJobWithTests(1);
        std::vector<NewRun> batch;
        for (int i = 0; i < 512; ++i) {
            batch.push_back(newRun(job));
            batch.back().parametersJson = "{\"P\": \"" + std::string(20'000, 'x') + "\"}";
            if (i % 2) batch.back().idempotency = keyOf(job, std::to_string(i));
        }
        for (const Inserted& one : triggers().insertRuns(batch, soon()))
            CPPUNIT_ASSERT(one.kind == Inserted::Kind::inserted);
        CPPUNIT_ASSERT_EQUAL(std::string("512"), count("runs"));
        CPPUNIT_ASSERT_EQUAL(std::string("256"), count("idempotency"));
    }

    void noTimeLeftIsUnavailable() {
        const Job job = newJobWithTests(1);
        const Instant past = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
        const NewRun run = newRun(job);
        if (onPostgres())
            CPPUNIT_ASSERT_THROW(triggers().insertRuns(std::span(&run, 1), past), std::runtime_error);
        queue(job); // and nobody else is the worse for it
        CPPUNIT_ASSERT(triggers().viewJobs(std::span(&job.id, 1), soon())[0]);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractTriggers);

} // namespace usher
