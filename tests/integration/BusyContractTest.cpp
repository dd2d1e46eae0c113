#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <set>
#include <thread>

using namespace usher;
using namespace usher::test;

/// What a job's onBusy does to triggers, as clients see it.
class BusyContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BusyContractTest);
    CPPUNIT_TEST(aBusyJobRefusesAndSpendsNothing);
    CPPUNIT_TEST(aBusyJobAnswersWithTheQueuedRun);
    CPPUNIT_TEST(aFloodOfTriggersMakesOneQueuedRun);
    CPPUNIT_TEST_SUITE_END();

    static std::string runOf(const Answer& answer) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        return answer.json()["data"]["runId"].get<std::string>();
    }
    /// What a check cost is given back a moment after the answer.
    static void awaitRemaining(World& w, const std::string& job, int wanted) {
        int left = -1;
        for (int i = 0; i < 200 && left != wanted; ++i) {
            if (i) std::this_thread::sleep_for(std::chrono::milliseconds(30));
            left = w.admin("GET", "/api/jobs/" + job + "/api-keys").json()["apiKeys"][0]["remaining"];
        }
        CPPUNIT_ASSERT_EQUAL(wanted, left);
    }

    void aBusyJobRefusesAndSpendsNothing() {
        World w;
        std::string job = w.createJob({"sleep 60"}, {{"onBusy", "refuse"}});
        auto key = w.createKey(job, {{"remaining", 3}});
        std::string run = runOf(w.trigger(job, key.key));
        for (int i = 0; i < 5; ++i) {
            Answer refused = w.trigger(job, key.key, {}, {{"Idempotency-Key", "k"}});
            CPPUNIT_ASSERT_EQUAL_MESSAGE(refused.body, 409, refused.status);
            CPPUNIT_ASSERT_EQUAL(std::string("JOB_BUSY"), refused.code());
        }
        awaitRemaining(w, job, 2);
        w.admin("POST", "/api/runs/" + run + "/cancel");
        w.finished(run);
        CPPUNIT_ASSERT(runOf(w.trigger(job, key.key, {}, {{"Idempotency-Key", "k"}})) != run);
        awaitRemaining(w, job, 1);
    }

    void aBusyJobAnswersWithTheQueuedRun() {
        World w("capacity = 0\n"); // of [exec], the last section: runs stay queued
        std::string job =
            w.createJob({"true"}, {{"onBusy", "coalesce"}, {"parameters", {{{"name", "TARGET"}}}}});
        auto key = w.createKey(job, {{"remaining", 5}});
        Answer first = w.trigger(job, key.key);
        std::string run = runOf(first);
        CPPUNIT_ASSERT(!first.json()["data"].contains("coalesced"));
        Answer second = w.trigger(job, key.key, "{}", {{"Idempotency-Key", "k"}});
        CPPUNIT_ASSERT_EQUAL(run, runOf(second));
        CPPUNIT_ASSERT(second.json()["data"]["coalesced"].get<bool>());
        CPPUNIT_ASSERT_EQUAL(std::string("/api/runs/" + run), second.field("location"));
        CPPUNIT_ASSERT_EQUAL(first.json()["data"]["triggeredAt"], second.json()["data"]["triggeredAt"]);
        awaitRemaining(w, job, 4);
        CPPUNIT_ASSERT(runOf(w.trigger(job, key.key, R"({"parameters":{"TARGET":"a"}})")) != run);
        Answer replay = w.trigger(job, key.key, "{}", {{"Idempotency-Key", "k"}});
        CPPUNIT_ASSERT_EQUAL(run, runOf(replay));
        CPPUNIT_ASSERT_EQUAL(std::string("true"), replay.field("idempotent-replayed"));
        awaitRemaining(w, job, 3);
    }

    void aFloodOfTriggersMakesOneQueuedRun() {
        World w("capacity = 0\n");
        std::string job = w.createJob({"true"}, {{"onBusy", "coalesce"}, {"queueLimit", 1}});
        auto key = w.createKey(job, {{"rateLimit", nullptr}});
        std::mutex mutex;
        std::set<std::string> runs;
        std::atomic<int> made{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&] {
                Http http(w.port());
                for (int n = 0; n < 25; ++n) {
                    Answer answer = http.request("POST", "/api/jobs/" + job + "/trigger",
                                                 {{"Authorization", "Bearer " + key.key}});
                    if (answer.status != 202) continue;
                    made += !answer.json()["data"].contains("coalesced");
                    std::lock_guard lock(mutex);
                    runs.insert(answer.json()["data"]["runId"].get<std::string>());
                }
            });
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runs.size());
        CPPUNIT_ASSERT_EQUAL(1, made.load());
        CPPUNIT_ASSERT_EQUAL(std::string("1"), w.sql("SELECT count(*) FROM runs")[0][0]);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(BusyContractTest);
