#include "ApiKeyFixture.h"

using namespace usher::test;

/// A key that was over its limit is refused by a read: that must never outlive the reason.
class ApiKeyFullWindowTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyFullWindowTest);
    CPPUNIT_TEST(refusalsEndWithTheirReason);
    CPPUNIT_TEST(otherRefusalsComeFirst);
    CPPUNIT_TEST_SUITE_END();

    static std::string fullKey(ApiKeyWorld& world, FakePluginHost& node) {
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        world.set("k1", "rate_limit_enabled = " + world.yes() +
                            ", rate_limit_max = 1, rate_limit_time_window = 3600000");
        CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node.askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
        for (int i = 0; i < 3; ++i) {
            const Said said = node.ask(triggerBy(key));
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), said.code);
            CPPUNIT_ASSERT_EQUAL(std::string("1"), said.header("RateLimit-Limit"));
            CPPUNIT_ASSERT_EQUAL(std::string("0"), said.header("RateLimit-Remaining"));
            CPPUNIT_ASSERT(said.resetMs > 3'500'000 && said.resetMs <= 3'600'000);
        }
        return key;
    }

    void refusalsEndWithTheirReason() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = fullKey(world, *node);
            auto decision = [&](auto outcome) {
                return node->askAndSettle(triggerBy(key), outcome).decision;
            };
            world.set("k1", "rate_limit_max = 2");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(USHER_ABANDONED));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(USHER_ACCEPTED));
            CPPUNIT_ASSERT_EQUAL(USHER_DENY, decision(USHER_ACCEPTED));
            execute(world.url, "DELETE FROM apikey_spend"); // as time does
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(USHER_ACCEPTED));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(USHER_ACCEPTED));
            CPPUNIT_ASSERT_EQUAL(USHER_DENY, decision(USHER_ACCEPTED));
            world.set("k1", "rate_limit_enabled = " + world.no());
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(USHER_ACCEPTED));
        });
    }

    void otherRefusalsComeFirst() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = fullKey(world, *node);
            world.set("k1", "enabled = " + world.no());
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_DISABLED"), node->ask(triggerBy(key)).code);
            execute(world.url, "DELETE FROM apikey");
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), node->ask(triggerBy(key)).code);
        });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyFullWindowTest);
