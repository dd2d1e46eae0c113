#include "plugin/Breaker.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace std::chrono_literals;

/// When it opens, what it lets through while open, and what closes it.
class BreakerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BreakerTest);
    CPPUNIT_TEST(opensAfterTenMissesInARow);
    CPPUNIT_TEST(opensWhenHalfOfTheLastHundredMissed);
    CPPUNIT_TEST(staysClosedWhenAThirdMisses);
    CPPUNIT_TEST(letsOneProbeASecondThrough);
    CPPUNIT_TEST(onlyAProbeClosesIt);
    CPPUNIT_TEST_SUITE_END();

    const Instant begin = Instant(1h);
    Breaker breaker;

    void open() {
        for (int i = 0; i < 10; ++i) breaker.missed(begin);
        CPPUNIT_ASSERT(breaker.isOpen());
    }
    void opensAfterTenMissesInARow() {
        for (int i = 0; i < 9; ++i) CPPUNIT_ASSERT(!breaker.missed(begin));
        breaker.answered(false);
        for (int i = 0; i < 9; ++i) CPPUNIT_ASSERT(!breaker.missed(begin));
        CPPUNIT_ASSERT(breaker.ask(begin) == Breaker::Pass::yes);
        CPPUNIT_ASSERT(breaker.missed(begin));
        CPPUNIT_ASSERT(breaker.ask(begin) == Breaker::Pass::no);
    }
    void opensWhenHalfOfTheLastHundredMissed() {
        int calls = 0;
        for (; calls < 200 && !breaker.isOpen(); ++calls) {
            breaker.missed(begin);
            breaker.answered(false);
        }
        CPPUNIT_ASSERT_EQUAL(50, calls);
    }
    void staysClosedWhenAThirdMisses() {
        for (int i = 0; i < 1000; ++i) {
            breaker.missed(begin);
            breaker.answered(false);
            breaker.answered(false);
        }
        CPPUNIT_ASSERT(!breaker.isOpen());
    }
    void letsOneProbeASecondThrough() {
        open();
        CPPUNIT_ASSERT(breaker.ask(begin + 999ms) == Breaker::Pass::no);
        CPPUNIT_ASSERT(breaker.ask(begin + 1000ms) == Breaker::Pass::probe);
        CPPUNIT_ASSERT(breaker.ask(begin + 1001ms) == Breaker::Pass::no);
        breaker.missed(begin + 1500ms);
        CPPUNIT_ASSERT(breaker.ask(begin + 2000ms) == Breaker::Pass::probe);
    }
    void onlyAProbeClosesIt() {
        open();
        CPPUNIT_ASSERT(!breaker.answered(false)); // a call from before
        CPPUNIT_ASSERT(breaker.isOpen());
        CPPUNIT_ASSERT(breaker.answered(true));
        CPPUNIT_ASSERT(breaker.ask(begin) == Breaker::Pass::yes);
        CPPUNIT_ASSERT(!breaker.missed(begin)); // it begins anew
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BreakerTest);
