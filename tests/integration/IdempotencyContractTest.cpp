#include "TriggerFixture.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

using namespace usher;
using namespace usher::test;

/// One Idempotency-Key, one run.
class IdempotencyContractTest : public TriggerFixture {
    CPPUNIT_TEST_SUITE(IdempotencyContractTest);
    CPPUNIT_TEST(idempotencyHoldsForReplaysAndMismatches);
    CPPUNIT_TEST(aThousandParallelRequestsMakeOneRun);
    CPPUNIT_TEST(aReplayThatWaitedSaysSo);
    CPPUNIT_TEST_SUITE_END();

    void idempotencyHoldsForReplaysAndMismatches() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job, {{"remaining", 1}, {"rateLimit", nullptr}});
        Answer first = w.trigger(job, key.key, "{}", {{"Idempotency-Key", "deploy-1"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(first.body, 202, first.status);
        CPPUNIT_ASSERT_EQUAL(std::string(), first.field("idempotent-replayed"));
        // The key is used up; the replay is answered all the same, and equally.
        Answer again = w.trigger(job, key.key, "{}", {{"Idempotency-Key", "deploy-1"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(again.body, 202, again.status);
        CPPUNIT_ASSERT_EQUAL(std::string("true"), again.field("idempotent-replayed"));
        CPPUNIT_ASSERT_EQUAL(first.body, again.body);
        expect(w.trigger(job, key.key, "{ }", {{"Idempotency-Key", "deploy-1"}}), 422, "Idempotency mismatch",
               "IDEMPOTENCY_MISMATCH");
        expect(w.trigger(job, key.key, "{}", {{"Idempotency-Key", "deploy-2"}}), 429, "Usage limit reached",
               "USAGE_EXCEEDED");
        auto fresh = w.createKey(job);
        CPPUNIT_ASSERT_EQUAL(
            400, w.trigger(job, fresh.key, R"({"idempotencyKey":"a"})", {{"Idempotency-Key", "b"}}).status);
        CPPUNIT_ASSERT_EQUAL(
            202, w.trigger(job, fresh.key, R"({"idempotencyKey":"a"})", {{"Idempotency-Key", "a"}}).status);
        expect(w.trigger(job, fresh.key, R"({"idempotencyKey":"a"})", {{"Idempotency-Key", "b"}}), 400,
               "Invalid request body", "INVALID_BODY"); // though "a" is known by now
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, runsOf(job));
    }

    void aReplayThatWaitedSaysSo() {
        World& w = world();
        const std::string job = w.createJob({"true"});
        const std::string target = "/api/jobs/" + job + "/trigger?wait=20";
        const Headers headers = {{"X-Api-Key", w.createKey(job).key}, {"Idempotency-Key", "waited"}};
        Http http(w.port());
        for (const char* replayed : {"", "true"}) {
            Answer answer = http.request("POST", target, headers);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
            CPPUNIT_ASSERT_EQUAL(std::string(replayed), answer.field("idempotent-replayed"));
            CPPUNIT_ASSERT(!answer.field("ratelimit-remaining").empty());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runsOf(job));
    }

    void aThousandParallelRequestsMakeOneRun() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job, {{"remaining", 1}, {"rateLimit", {{"max", 1}, {"windowSeconds", 60}}}});
        std::mutex mutex;
        std::set<std::string> bodies;
        std::atomic<int> good{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 50; ++t)
            threads.emplace_back([&] {
                Http http(w.port());
                for (int i = 0; i < 20; ++i) {
                    Answer a = http.request("POST", "/api/jobs/" + job + "/trigger",
                                            {{"X-Api-Key", key.key}, {"Idempotency-Key", "one"}}, "{}");
                    good += a.status == 202;
                    std::lock_guard lock(mutex);
                    bodies.insert(a.body);
                }
            });
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT_EQUAL(1000, good.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, bodies.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runsOf(job));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IdempotencyContractTest);
