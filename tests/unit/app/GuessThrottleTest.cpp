#include "app/GuessThrottle.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using Action = GuessThrottle::Action;

class GuessThrottleTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(GuessThrottleTest);
    CPPUNIT_TEST(slowsAfterTwentyRefusesAfterAHundred);
    CPPUNIT_TEST(refusesForAMinuteThenStartsAnew);
    CPPUNIT_TEST(countsIpv6ByItsNetwork);
    CPPUNIT_TEST(exemptAddressesAreNotCounted);
    CPPUNIT_TEST(memoryIsBounded);
    CPPUNIT_TEST_SUITE_END();

    const Instant _start{std::chrono::hours(1)};

    void slowsAfterTwentyRefusesAfterAHundred() {
        GuessThrottle throttle;
        for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start) == Action::answer);
        for (int i = 20; i < 100; ++i) CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start) == Action::delay);
        CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start) == Action::refuse);
        CPPUNIT_ASSERT(throttle.count("203.0.113.8", _start) == Action::answer);
    }
    void refusesForAMinuteThenStartsAnew() {
        GuessThrottle throttle;
        for (int i = 0; i < 101; ++i) throttle.count("203.0.113.7", _start);
        CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start + std::chrono::seconds(59)) == Action::refuse);
        CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start + std::chrono::seconds(61)) == Action::answer);
    }
    void countsIpv6ByItsNetwork() {
        GuessThrottle throttle;
        for (int i = 0; i < 20; ++i) throttle.count("2001:db8::" + std::to_string(i + 1), _start);
        CPPUNIT_ASSERT(throttle.count("2001:db8::ffff", _start) == Action::delay);
        CPPUNIT_ASSERT(throttle.count("2001:db8:0:1::1", _start) == Action::answer);
    }
    void exemptAddressesAreNotCounted() {
        GuessThrottle throttle({*Cidr::parse("203.0.113.0/24")});
        for (int i = 0; i < 500; ++i) CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start) == Action::answer);
    }
    void memoryIsBounded() {
        GuessThrottle throttle({}, 10);
        for (int i = 0; i < 50; ++i) throttle.count("203.0.113.7", _start);
        for (int i = 0; i < 10; ++i) throttle.count("198.51.100." + std::to_string(i), _start);
        // The noisy one was quiet longest, so it was forgotten.
        CPPUNIT_ASSERT(throttle.count("203.0.113.7", _start) == Action::answer);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(GuessThrottleTest);
