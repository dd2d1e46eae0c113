#include "plugin/Breaker.h"

#include <cppunit/extensions/HelperMacros.h>

#include <vector>

using namespace usher;
using namespace std::chrono_literals;

/// When it opens, what it lets through while open, and what closes it. What counts is the order of asking.
class BreakerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BreakerTest);
    CPPUNIT_TEST(opensAfterTenMissesInARow);
    CPPUNIT_TEST(opensAlthoughAnOlderCallIsAnsweredLate);
    CPPUNIT_TEST(staysClosedWhenTenMissesEndTogetherAndLaterCallsWereAnswered);
    CPPUNIT_TEST(opensWhenHalfOfTheLastHundredMissed);
    CPPUNIT_TEST(opensWhenHalfOfAHundredMissedInAnyOrder);
    CPPUNIT_TEST(staysClosedWhenAThirdMisses);
    CPPUNIT_TEST(staysClosedWhenATenthMissesHoweverManyAreInFlight);
    CPPUNIT_TEST(letsOneProbeASecondThrough);
    CPPUNIT_TEST(onlyAProbeClosesIt);
    CPPUNIT_TEST(callsFromBeforeItClosedDoNotCount);
    CPPUNIT_TEST_SUITE_END();

    using Number = Breaker::Number;
    const Instant begin = Instant(1h);
    Breaker breaker;

    Number ask() {
        Number number = 0;
        CPPUNIT_ASSERT(breaker.ask(begin, number) == Breaker::Pass::yes);
        return number;
    }
    std::vector<Number> ask(int count) {
        std::vector<Number> numbers;
        for (int i = 0; i < count; ++i) numbers.push_back(ask());
        return numbers;
    }
    Breaker::Pass passAt(Instant now) {
        Number number = 0;
        return breaker.ask(now, number);
    }
    bool miss() { return breaker.missed(ask(), begin); }
    void answer() { breaker.answered(ask(), false); }
    void open() {
        for (int i = 0; i < 10; ++i) miss();
        CPPUNIT_ASSERT(breaker.isOpen());
    }

    void opensAfterTenMissesInARow() {
        for (int i = 0; i < 9; ++i) CPPUNIT_ASSERT(!miss());
        answer();
        for (int i = 0; i < 9; ++i) CPPUNIT_ASSERT(!miss());
        CPPUNIT_ASSERT(miss());
        CPPUNIT_ASSERT(passAt(begin) == Breaker::Pass::no);
    }
    void opensAlthoughAnOlderCallIsAnsweredLate() {
        const Number slow = ask();
        const auto hanging = ask(10);
        for (int i = 0; i < 9; ++i) CPPUNIT_ASSERT(!breaker.missed(hanging[i], begin));
        breaker.answered(slow, false);
        CPPUNIT_ASSERT(breaker.missed(hanging[9], begin));
    }
    void staysClosedWhenTenMissesEndTogetherAndLaterCallsWereAnswered() {
        const auto hanging = ask(12);
        answer();
        for (const Number number : hanging) CPPUNIT_ASSERT(!breaker.missed(number, begin));
    }
    void opensWhenHalfOfTheLastHundredMissed() {
        int calls = 0;
        for (; calls < 200 && !breaker.isOpen(); ++calls)
            if (!miss()) answer();
        CPPUNIT_ASSERT_EQUAL(50, calls);
    }
    void opensWhenHalfOfAHundredMissedInAnyOrder() {
        const auto calls = ask(100);
        for (std::size_t i = 1; i < calls.size(); i += 2) breaker.answered(calls[i], false);
        bool opened = false;
        for (std::size_t i = calls.size(); i > 0; i -= 2) opened = breaker.missed(calls[i - 2], begin);
        CPPUNIT_ASSERT(opened);
    }
    void staysClosedWhenAThirdMisses() {
        for (int i = 0; i < 1000; ++i) {
            miss();
            answer();
            answer();
        }
        CPPUNIT_ASSERT(!breaker.isOpen());
    }
    void staysClosedWhenATenthMissesHoweverManyAreInFlight() {
        // 1,000 a second and a deadline of 1.5 s: a miss is known when 1,500 later calls were asked.
        std::vector<Number> hanging;
        std::size_t known = 0;
        for (int i = 0; i < 20'000; ++i) {
            if (i % 10 == 0)
                hanging.push_back(ask());
            else
                answer();
            if (i % 150 == 149 && i > 1500) // the sweeper finds fifteen at once
                for (int j = 0; j < 15; ++j) CPPUNIT_ASSERT(!breaker.missed(hanging[known++], begin));
        }
    }
    void letsOneProbeASecondThrough() {
        open();
        Number probe = 0;
        CPPUNIT_ASSERT(passAt(begin + 999ms) == Breaker::Pass::no);
        CPPUNIT_ASSERT(breaker.ask(begin + 1000ms, probe) == Breaker::Pass::probe);
        CPPUNIT_ASSERT(passAt(begin + 1001ms) == Breaker::Pass::no);
        breaker.missed(probe, begin + 1500ms);
        CPPUNIT_ASSERT(passAt(begin + 2000ms) == Breaker::Pass::probe);
    }
    void onlyAProbeClosesIt() {
        const Number before = ask();
        open();
        CPPUNIT_ASSERT(!breaker.answered(before, false));
        CPPUNIT_ASSERT(breaker.isOpen());
        Number probe = 0;
        breaker.ask(begin + 1s, probe);
        CPPUNIT_ASSERT(breaker.answered(probe, true));
        CPPUNIT_ASSERT(!miss()); // it begins anew
    }
    void callsFromBeforeItClosedDoNotCount() {
        const auto before = ask(20);
        open();
        Number probe = 0;
        breaker.ask(begin + 1s, probe);
        breaker.answered(probe, true);
        for (const Number number : before) CPPUNIT_ASSERT(!breaker.missed(number, begin + 2s));
        CPPUNIT_ASSERT(!breaker.isOpen());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BreakerTest);
