#include "app/Timers.h"

#include <cppunit/extensions/HelperMacros.h>

#include <future>
#include <memory>

using namespace usher;

/// Calls at a time to come.
class TimersTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TimersTest);
    CPPUNIT_TEST(callsComeInOrder);
    CPPUNIT_TEST(aCancelledCallIsNeitherMadeNorKept);
    CPPUNIT_TEST(whatIsStoppedKeepsNothing);
    CPPUNIT_TEST_SUITE_END();

    static constexpr std::chrono::seconds kSoon{10};

    void callsComeInOrder() {
        Timers timers;
        std::string order;
        std::promise<void> last;
        const Instant due = std::chrono::steady_clock::now();
        timers.at(due + std::chrono::milliseconds(2), [&] { last.set_value(); });
        timers.at(due, [&] { order += 'a'; });
        timers.at(due, [&] { order += 'b'; });
        timers.at(due - std::chrono::milliseconds(1), [&] { order += '0'; });
        timers.start();
        CPPUNIT_ASSERT(last.get_future().wait_for(kSoon) == std::future_status::ready);
        CPPUNIT_ASSERT_EQUAL(std::string("0ab"), order);
    }
    void aCancelledCallIsNeitherMadeNorKept() {
        Timers timers;
        auto owned = std::make_shared<bool>(false);
        std::promise<void> other;
        const Instant due = std::chrono::steady_clock::now();
        auto ticket = timers.at(due, [owned] { *owned = true; });
        timers.at(due, [&] { other.set_value(); });
        timers.cancel(ticket);
        CPPUNIT_ASSERT_EQUAL(1l, owned.use_count());
        timers.cancel(ticket); // is gone: nothing
        timers.start();
        CPPUNIT_ASSERT(other.get_future().wait_for(kSoon) == std::future_status::ready);
        CPPUNIT_ASSERT(!*owned);
    }
    void whatIsStoppedKeepsNothing() {
        Timers timers;
        timers.start();
        auto owned = std::make_shared<bool>(false);
        timers.after(std::chrono::hours(1), [owned] { *owned = true; });
        timers.stop();
        timers.after(std::chrono::hours(1), [owned] { *owned = true; });
        CPPUNIT_ASSERT_EQUAL(1l, owned.use_count());
        CPPUNIT_ASSERT(!*owned);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TimersTest);
