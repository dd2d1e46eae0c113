#include "ApiKeyFixture.h"

#include <atomic>

using namespace usher::test;

/// Uses that come back by themselves: `refill_interval`, `refill_amount`, `last_refill_at`.
class ApiKeyRefillTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyRefillTest);
    CPPUNIT_TEST(usesAreMadeFullWhenTheirTimeHasCome);
    CPPUNIT_TEST(aKeyWithoutANumberOfUsesNeedsNone);
    CPPUNIT_TEST(halfASettingRefillsNothing);
    CPPUNIT_TEST(aRefillIsExactOnTwoNodes);
    CPPUNIT_TEST(whatWasTakenBeforeARefillDoesNotComeBack);
    CPPUNIT_TEST_SUITE_END();

    static std::string refilled(ApiKeyWorld& world, int remaining, int amount, int lastRefill) {
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        world.set("k1", "remaining = " + std::to_string(remaining) +
                            ", refill_interval = 3600000, refill_amount = " + std::to_string(amount) +
                            ", last_refill_at = " + world.seconds(lastRefill));
        return key;
    }
    static std::string remaining(ApiKeyWorld& world) { return world.value("SELECT remaining FROM apikey"); }

    void usesAreMadeFullWhenTheirTimeHasCome() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = refilled(world, 0, 5, -3590);
            Said said = node->ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(std::string("USAGE_EXCEEDED"), said.code);
            const int wait = std::stoi(said.header("Retry-After"));
            CPPUNIT_ASSERT_MESSAGE(said.header("Retry-After"), wait >= 1 && wait <= 11);
            world.set("k1", "last_refill_at = " + world.seconds(-3601));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(std::string("4"), remaining(world));
            // Its time begins anew: four more, and then none.
            for (int i = 0; i < 4; ++i)
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(std::string("USAGE_EXCEEDED"), node->ask(triggerBy(key)).code);
            // Never refilled: the time counts from when it was made. What is left is replaced, not added to.
            world.set("k1", "remaining = 3, last_refill_at = NULL, created_at = " + world.seconds(-3601));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(std::string("4"), remaining(world));
            CPPUNIT_ASSERT(!world.value("SELECT last_refill_at FROM apikey").empty());
        });
    }
    void aKeyWithoutANumberOfUsesNeedsNone() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = refilled(world, 0, 1, -7200);
            world.set("k1", "remaining = NULL, rate_limit_enabled = " + world.yes());
            for (int i = 0; i < 3; ++i)
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(std::string(), remaining(world));
        });
    }
    void halfASettingRefillsNothing() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = refilled(world, 0, 5, -7200);
            for (const char* half : {"refill_amount = NULL", "refill_amount = 0",
                                     "refill_amount = 5, refill_interval = NULL", "refill_interval = 0"}) {
                world.set("k1", half);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(half, std::string("USAGE_EXCEEDED"),
                                             node->ask(triggerBy(key)).code);
            }
        });
    }
    void aRefillIsExactOnTwoNodes() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            const std::string key = refilled(world, 3, 50, -7200);
            std::atomic<int> allowed = 0;
            std::vector<std::thread> clients;
            for (FakePluginHost* node : {a.get(), b.get()})
                for (int t = 0; t < 16; ++t)
                    clients.emplace_back([&, node] {
                        for (int i = 0; i < 4; ++i) {
                            Question question = triggerBy(key);
                            question.budget = std::chrono::seconds(20);
                            if (node->askAndSettle(question, USHER_ACCEPTED).decision == USHER_ALLOW)
                                ++allowed;
                        }
                    });
            for (std::thread& client : clients) client.join();
            CPPUNIT_ASSERT_EQUAL(50, allowed.load());
            CPPUNIT_ASSERT_EQUAL(std::string("0"), remaining(world));
        });
    }
    void whatWasTakenBeforeARefillDoesNotComeBack() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = refilled(world, 1, 5, -1800);
            const Said before = node->ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, before.decision);
            world.set("k1", "last_refill_at = " + world.seconds(-3601));
            std::this_thread::sleep_for(
                std::chrono::milliseconds(2)); // refills are told apart by milliseconds
            const Said after = node->ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(std::string("4"), remaining(world));
            node->settle(before.call, USHER_ABANDONED);
            CPPUNIT_ASSERT(becomes([&] { return world.value("SELECT count(*) FROM apikey_spend") == "1"; }));
            CPPUNIT_ASSERT_EQUAL(std::string("4"), remaining(world));
            node->settle(after.call, USHER_ABANDONED);
            CPPUNIT_ASSERT(becomes([&] { return remaining(world) == "5"; }));
        });
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyRefillTest);
