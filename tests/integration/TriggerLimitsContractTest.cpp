#include "TriggerFixture.h"

#include <atomic>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Rate limits, uses and queues: what is spent, what is given back, what headers say.
class TriggerLimitsContractTest : public TriggerFixture {
    CPPUNIT_TEST_SUITE(TriggerLimitsContractTest);
    CPPUNIT_TEST(rateLimitIsExactAndSaidInHeaders);
    CPPUNIT_TEST(usesRunOut);
    CPPUNIT_TEST(refusedTriggersSpendNothing);
    CPPUNIT_TEST(aFullQueueAnswers429);
    CPPUNIT_TEST(whatIsGivenBackIsShownAsFree);
    CPPUNIT_TEST_SUITE_END();

    void rateLimitIsExactAndSaidInHeaders() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job, {{"rateLimit", {{"max", 10}, {"windowSeconds", 3600}}}});
        std::atomic<int> accepted{0}, limited{0}, other{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t)
            threads.emplace_back([&] {
                Http http(w.port());
                for (int i = 0; i < 5; ++i) {
                    Answer a =
                        http.request("POST", "/api/jobs/" + job + "/trigger", {{"X-Api-Key", key.key}});
                    ++(a.status == 202 ? accepted : a.status == 429 ? limited : other);
                }
            });
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT_EQUAL(10, accepted.load());
        CPPUNIT_ASSERT_EQUAL(30, limited.load());
        Answer answer = w.trigger(job, key.key);
        expect(answer, 429, "Rate limit exceeded", "RATE_LIMITED");
        CPPUNIT_ASSERT_EQUAL(10, answer.json().at("limit").get<int>());
        CPPUNIT_ASSERT_EQUAL(0, answer.json().at("remaining").get<int>());
        CPPUNIT_ASSERT(!answer.json().at("resetAt").get<std::string>().empty());
        CPPUNIT_ASSERT_EQUAL(std::string("10"), answer.field("ratelimit-limit"));
        CPPUNIT_ASSERT_EQUAL(std::string("0"), answer.field("x-ratelimit-remaining"));
        CPPUNIT_ASSERT(!answer.field("ratelimit-reset").empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, runsOf(job));
    }

    void usesRunOut() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job, {{"remaining", 2}, {"rateLimit", nullptr}});
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, key.key).status);
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, key.key).status);
        expect(w.trigger(job, key.key), 429, "Usage limit reached", "USAGE_EXCEEDED");
    }

    void refusedTriggersSpendNothing() {
        World& w = world();
        std::string job = w.createJob({"true"}, {{"paused", true}});
        auto key = w.createKey(job, {{"remaining", 1}, {"rateLimit", {{"max", 1}, {"windowSeconds", 3600}}}});
        for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT_EQUAL(409, w.trigger(job, key.key).status);
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", false}});
        for (int i = 0; i < 5; ++i) CPPUNIT_ASSERT_EQUAL(400, w.trigger(job, key.key, "{\"x\":1}").status);
        Answer answer = w.trigger(job, key.key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        CPPUNIT_ASSERT_EQUAL(429, w.trigger(job, key.key).status);
    }

    void aFullQueueAnswers429() {
        World w("capacity = 0\n[queue]\nlimit = 8\n");
        std::string job = w.createJob({"true"}, {{"queueLimit", 5}}), other = w.createJob({"true"});
        auto key = w.createKey(job, {{"rateLimit", nullptr}}),
             otherKey = w.createKey(other, {{"rateLimit", nullptr}});
        for (int i = 0; i < 5; ++i) {
            Answer answer = w.trigger(job, key.key);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
            CPPUNIT_ASSERT_EQUAL(i + 1, answer.json().at("data").at("position").get<int>());
        }
        expect(w.trigger(job, key.key), 429, "Queue capacity limit reached", "QUEUE_FULL");
        for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT_EQUAL(202, w.trigger(other, otherKey.key).status);
        expect(w.trigger(other, otherKey.key), 429, "Queue capacity limit reached", "QUEUE_FULL");
        std::string queued = w.admin("GET", "/api/runs?status=queued&jobId=" + job).json()["runs"][0]["id"];
        CPPUNIT_ASSERT_EQUAL(200, w.admin("POST", "/api/runs/" + queued + "/cancel").status);
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, key.key).status);
    }

    void whatIsGivenBackIsShownAsFree() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job, {{"rateLimit", {{"max", 10}, {"windowSeconds", 3600}}}});
        auto left = [&](const std::string& body, Headers more = {}) {
            Answer answer = w.trigger(job, key.key, body, std::move(more));
            CPPUNIT_ASSERT_EQUAL(answer.field("ratelimit-remaining"), answer.field("x-ratelimit-remaining"));
            return std::to_string(answer.status) + " " + answer.field("ratelimit-remaining");
        };
        CPPUNIT_ASSERT_EQUAL(std::string("202 9"), left("{}", {{"Idempotency-Key", "a"}}));
        CPPUNIT_ASSERT_EQUAL(std::string("202 9"), left("{}", {{"Idempotency-Key", "a"}}));
        CPPUNIT_ASSERT_EQUAL(std::string("400 9"), left("{"));
        CPPUNIT_ASSERT_EQUAL(std::string("202 8"), left("{}"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TriggerLimitsContractTest);
