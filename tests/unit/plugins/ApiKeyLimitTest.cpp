#include "ApiKeyFixture.h"

#include <atomic>
#include <set>

using namespace usher::test;

/// Rate limits, uses, refunds: exact under concurrency and on two nodes.
class ApiKeyLimitTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyLimitTest);
    CPPUNIT_TEST(everyAnswerToAValidKeyShowsTheWindow);
    CPPUNIT_TEST(theWindowSlides);
    CPPUNIT_TEST(aRateLimitIsExactOnTwoNodes);
    CPPUNIT_TEST(usesAreExactOnTwoNodes);
    CPPUNIT_TEST(oneBatchCountsInOrder);
    CPPUNIT_TEST(whatIsAbandonedComesBackBeforeTheNextCheck);
    CPPUNIT_TEST(whatIsUnknownIsKept);
    CPPUNIT_TEST(refundsUnderLoadLoseNothing);
    CPPUNIT_TEST(anAnswerThatCameTooLateIsTakenBack);
    CPPUNIT_TEST(aLoweredLimitTellsWhenThereIsRoom);
    CPPUNIT_TEST(entriesFromTheFutureDoNotCount);
    CPPUNIT_TEST(aLockedKeyDelaysNobodyElse);
    CPPUNIT_TEST_SUITE_END();

    static std::string limited(ApiKeyWorld& world, const std::string& id, int max, int windowMs = 60'000) {
        const std::string key = world.insertKey(id, "job_0123456789abcdef_" + id);
        world.set(id, "rate_limit_enabled = " + world.yes() + ", rate_limit_max = " + std::to_string(max) +
                          ", rate_limit_time_window = " + std::to_string(windowMs));
        return key;
    }

    /// `threads` on each node ask `each` times; how many were allowed.
    static int hammer(std::vector<FakePluginHost*> nodes, const std::string& key, int threads, int each,
                      std::atomic<int>* errors = nullptr) {
        std::atomic<int> allowed = 0;
        std::vector<std::thread> clients;
        for (FakePluginHost* node : nodes)
            for (int t = 0; t < threads; ++t)
                clients.emplace_back([&, node] {
                    for (int i = 0; i < each; ++i) {
                        Question question = triggerBy(key);
                        question.budget = std::chrono::seconds(20);
                        const Said said = node->askAndSettle(question, USHER_ACCEPTED);
                        if (said.decision == USHER_ALLOW) ++allowed;
                        if (said.decision == USHER_ERROR && errors) ++*errors;
                    }
                });
        for (std::thread& client : clients) client.join();
        return allowed;
    }

    void everyAnswerToAValidKeyShowsTheWindow() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = limited(world, "k1", 2, 60'000);
            auto shown = [](const Said& said) {
                for (const char* name : {"Limit", "Remaining", "Reset"})
                    CPPUNIT_ASSERT_EQUAL(said.header(std::string("RateLimit-") + name),
                                         said.header(std::string("X-RateLimit-") + name));
                return said.header("RateLimit-Limit") + "/" + said.header("RateLimit-Remaining") + "/" +
                       said.header("RateLimit-Reset");
            };
            CPPUNIT_ASSERT_EQUAL(std::string("2/2/60"), shown(node->ask(triggerBy(key, kOtherJob))));
            CPPUNIT_ASSERT_EQUAL(std::string("2/1/60"),
                                 shown(node->askAndSettle(triggerBy(key), USHER_ACCEPTED)));
            CPPUNIT_ASSERT_EQUAL(std::string("2/0/60"),
                                 shown(node->askAndSettle(triggerBy(key), USHER_ACCEPTED)));
            const Said said = node->ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), said.code);
            CPPUNIT_ASSERT_EQUAL(std::string("2/0/60"), shown(said));
            CPPUNIT_ASSERT_EQUAL(std::string("60"), said.header("Retry-After"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, said.limit);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, said.remaining);
            CPPUNIT_ASSERT(said.resetMs > 50'000 && said.resetMs <= 60'000);
            CPPUNIT_ASSERT_EQUAL(std::string("2/0/60"), shown(node->ask(triggerBy(key, kOtherJob))));
        });
    }
    void theWindowSlides() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = limited(world, "k1", 3, 1000);
            // Entries of our own making instead of waiting: two have just left the window, one is in it.
            const std::string now = world.postgres()
                                        ? "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
                                        : "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000";
            execute(world.url, "UPDATE apikey SET rate_limit_time_window = 3600000; INSERT INTO apikey_spend "
                               "(id, apikey_id, at) VALUES "
                               "(1, 'k1', " +
                                   now + " - 3600100000), (2, 'k1', " + now +
                                   " - 3601000000), "
                                   "(3, 'k1', " +
                                   now + " - 3000000000)");
            Said said = node->askAndSettle(triggerBy(key), USHER_ACCEPTED);
            CPPUNIT_ASSERT_EQUAL(std::string("1"), said.header("RateLimit-Remaining"));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            said = node->ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), said.code);
            CPPUNIT_ASSERT(said.resetMs > 590'000 && said.resetMs <= 600'000);
        });
    }
    void aRateLimitIsExactOnTwoNodes() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            const std::string key = limited(world, "k1", 100);
            std::atomic<int> errors = 0;
            CPPUNIT_ASSERT_EQUAL(100, hammer({a.get(), b.get()}, key, 32, 5, &errors));
            CPPUNIT_ASSERT_EQUAL(0, errors.load());
            CPPUNIT_ASSERT_EQUAL(std::string("100"), world.value("SELECT count(*) FROM apikey_spend"));
            CPPUNIT_ASSERT(becomes([&] { return world.value("SELECT request_count FROM apikey") == "100"; }));
        });
    }
    void usesAreExactOnTwoNodes() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            world.set("k1", "remaining = 77");
            CPPUNIT_ASSERT_EQUAL(77, hammer({a.get(), b.get()}, key, 32, 3));
            CPPUNIT_ASSERT_EQUAL(std::string("0"), world.value("SELECT remaining FROM apikey"));
        });
    }
    void oneBatchCountsInOrder() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string a = limited(world, "a", 5), b = limited(world, "b", 1);
            std::vector<Question> questions;
            for (int i = 0; i < 12; ++i) questions.push_back(triggerBy(i % 3 == 2 ? b : a));
            const auto answers = node->askAll(questions);
            int allowedA = 0, allowedB = 0;
            std::set<std::int64_t> left;
            for (int i = 0; i < 12; ++i) {
                if (answers[i].decision != USHER_ALLOW) continue;
                (i % 3 == 2 ? allowedB : allowedA)++;
                if (i % 3 != 2) left.insert(answers[i].remaining);
                node->settle(answers[i].call, USHER_ACCEPTED);
            }
            CPPUNIT_ASSERT_EQUAL(5, allowedA);
            CPPUNIT_ASSERT_EQUAL(1, allowedB);
            CPPUNIT_ASSERT_MESSAGE("each its own number", (left == std::set<std::int64_t>{0, 1, 2, 3, 4}));
        });
    }
    void whatIsAbandonedComesBackBeforeTheNextCheck() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = limited(world, "k1", 1);
            world.set("k1", "remaining = 1");
            for (int i = 0; i < 200; ++i)
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     node->askAndSettle(triggerBy(key), USHER_ABANDONED).decision);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), node->ask(triggerBy(key)).code);
            CPPUNIT_ASSERT_EQUAL(std::string("0"), world.value("SELECT remaining FROM apikey"));
            CPPUNIT_ASSERT(becomes([&] { return world.value("SELECT request_count FROM apikey") == "1"; }));
        });
    }
    void whatIsUnknownIsKept() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = limited(world, "k1", 1);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_UNKNOWN).decision);
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), node->ask(triggerBy(key)).code);
        });
    }
    void refundsUnderLoadLoseNothing() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            const std::string key = limited(world, "k1", 10'000);
            world.set("k1", "remaining = 1000");
            std::atomic<int> kept = 0, failed = 0;
            std::vector<std::thread> clients;
            for (FakePluginHost* node : {a.get(), b.get()})
                for (int t = 0; t < 8; ++t)
                    clients.emplace_back([&, node, t] {
                        for (int i = 0; i < 20; ++i) {
                            Question question = triggerBy(key);
                            question.budget = std::chrono::seconds(20);
                            const bool keep = (t + i) % 2 == 0;
                            const Said said =
                                node->askAndSettle(question, keep ? USHER_ACCEPTED : USHER_ABANDONED);
                            if (said.decision != USHER_ALLOW)
                                ++failed;
                            else if (keep)
                                ++kept;
                        }
                    });
            for (std::thread& client : clients) client.join();
            CPPUNIT_ASSERT_EQUAL(0, failed.load());
            const std::string left = std::to_string(1000 - kept.load());
            CPPUNIT_ASSERT(becomes([&] { return world.value("SELECT remaining FROM apikey") == left; }));
            CPPUNIT_ASSERT(becomes([&] {
                return world.value("SELECT count(*) FROM apikey_spend") == std::to_string(kept.load());
            }));
        });
    }
    void anAnswerThatCameTooLateIsTakenBack() {
        TestDatabases databases;
        if (databases.postgres().empty()) return;
        ApiKeyWorld world(databases.postgres());
        auto node = world.node();
        const std::string key = limited(world, "k1", 1);
        // Whoever inserts a spend sleeps past the deadline of the question that it is for.
        execute(world.url,
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); "
                "RETURN NEW; END $$;"
                "CREATE TRIGGER slow AFTER INSERT ON apikey_spend FOR EACH ROW EXECUTE FUNCTION slow()");
        Question question = triggerBy(key);
        question.budget = std::chrono::milliseconds(150);
        CPPUNIT_ASSERT(node->ask(question).decision != USHER_ALLOW);
        execute(world.url, "DROP TRIGGER slow ON apikey_spend");
        CPPUNIT_ASSERT(becomes([&] { return world.value("SELECT count(*) FROM apikey_spend") == "0"; }));
        CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
    }
    void aLoweredLimitTellsWhenThereIsRoom() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = limited(world, "k1", 2, 3'600'000);
            const std::string now = world.postgres()
                                        ? "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
                                        : "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000";
            // Four in the window of a limit that is two now: room comes when the third oldest has left.
            for (int i = 1; i <= 4; ++i)
                execute(world.url, "INSERT INTO apikey_spend (id, apikey_id, at) VALUES (" +
                                       std::to_string(i) + ", 'k1', " + now + " - " +
                                       std::to_string(3'000'000'000LL - i * 100'000'000LL) + ")");
            const Said said = node->ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), said.code);
            CPPUNIT_ASSERT(said.resetMs > 890'000 && said.resetMs <= 900'000);
        });
    }
    void entriesFromTheFutureDoNotCount() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = limited(world, "k1", 1);
            execute(world.url,
                    "INSERT INTO apikey_spend (id, apikey_id, at) VALUES (1, 'k1', 9000000000000000)");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), node->ask(triggerBy(key)).code);
        });
    }
    void aLockedKeyDelaysNobodyElse() {
        TestDatabases databases;
        if (databases.postgres().empty()) return;
        ApiKeyWorld world(databases.postgres());
        auto node = world.node();
        const std::string locked = limited(world, "locked", 100), free = limited(world, "free", 10'000);
        std::atomic<bool> holding = false, letGo = false;
        std::thread holder([&] {
            HeldRow row(world.url, "SELECT 1 FROM apikey WHERE id = 'locked' FOR UPDATE");
            holding = true;
            becomes([&] { return letGo.load(); });
        });
        CPPUNIT_ASSERT(becomes([&] { return holding.load(); }));
        Question stuck = triggerBy(locked);
        stuck.budget = std::chrono::milliseconds(700);
        std::vector<Question> questions{stuck};
        for (int i = 0; i < 50; ++i) questions.push_back(triggerBy(free));
        const auto answers = node->askAll(questions);
        CPPUNIT_ASSERT_EQUAL(USHER_ERROR, answers[0].decision);
        for (std::size_t i = 1; i < answers.size(); ++i)
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, answers[i].decision);
        // One that waits and is let go in time.
        std::thread release([&] {
            for (int i = 0; i < 50; ++i)
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->ask(triggerBy(free)).decision);
            letGo = true;
        });
        CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->ask(triggerBy(locked)).decision);
        release.join();
        holder.join();
        CPPUNIT_ASSERT_EQUAL(std::string("1"),
                             world.value("SELECT count(*) FROM apikey_spend WHERE apikey_id = 'locked'"));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyLimitTest);
