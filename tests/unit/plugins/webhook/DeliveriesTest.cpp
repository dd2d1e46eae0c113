#include "Deliveries.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::webhooks;
using Claim = Deliveries::Claim;

/// A delivery counts once: while it is under way, and for its time once it was carried out.
class DeliveriesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(DeliveriesTest);
    CPPUNIT_TEST(whatWasCarriedOutIsRefusedForItsTime);
    CPPUNIT_TEST(whatWasNotCarriedOutIsFreeAgain);
    CPPUNIT_TEST(aSecondClaimIsKeptForATimeOfItsOwn);
    CPPUNIT_TEST(moreThanThereIsRoomForIsNoReplay);
    CPPUNIT_TEST(whatIsSettledTwiceIsNoMatter);
    CPPUNIT_TEST_SUITE_END();

    Deliveries deliveries{100, 3};

    void whatWasCarriedOutIsRefusedForItsTime() {
        CPPUNIT_ASSERT(deliveries.claim("a", 1, 1000) == Claim::first);
        CPPUNIT_ASSERT(deliveries.claim("a", 2, 1000) == Claim::again); // under way
        CPPUNIT_ASSERT(deliveries.claim("b", 3, 1000) == Claim::first);
        deliveries.settle(1, true);
        CPPUNIT_ASSERT(deliveries.claim("a", 4, 1099) == Claim::again);
        CPPUNIT_ASSERT(deliveries.claim("a", 5, 1100) == Claim::first);
    }

    void whatWasNotCarriedOutIsFreeAgain() {
        CPPUNIT_ASSERT(deliveries.claim("a", 1, 1000) == Claim::first);
        deliveries.settle(1, false);
        CPPUNIT_ASSERT(deliveries.claim("a", 2, 1000) == Claim::first);
        CPPUNIT_ASSERT(deliveries.claim("a", 3, 1000) == Claim::again);
    }

    void aSecondClaimIsKeptForATimeOfItsOwn() {
        CPPUNIT_ASSERT(deliveries.claim("a", 1, 1000) == Claim::first);
        deliveries.settle(1, false);
        CPPUNIT_ASSERT(deliveries.claim("a", 2, 1050) == Claim::first);
        deliveries.settle(2, true);
        CPPUNIT_ASSERT(deliveries.claim("a", 3, 1120) ==
                       Claim::again); // the first one's time is over, not this one's
        CPPUNIT_ASSERT(deliveries.claim("a", 4, 1150) == Claim::first);
    }

    void moreThanThereIsRoomForIsNoReplay() {
        for (usher_call call : {1, 2, 3})
            CPPUNIT_ASSERT(deliveries.claim(std::to_string(call), call, 1000) == Claim::first);
        CPPUNIT_ASSERT(deliveries.claim("4", 4, 1000) == Claim::full);
        CPPUNIT_ASSERT(deliveries.claim("2", 5, 1000) == Claim::again);
        deliveries.settle(4, true); // claimed nothing
        CPPUNIT_ASSERT(deliveries.claim("4", 6, 1099) == Claim::full);
        CPPUNIT_ASSERT(deliveries.claim("4", 7, 1100) == Claim::first);
    }

    void whatIsSettledTwiceIsNoMatter() {
        CPPUNIT_ASSERT(deliveries.claim("a", 1, 1000) == Claim::first);
        deliveries.settle(1, true);
        deliveries.settle(1, false);
        deliveries.settle(99, false);
        CPPUNIT_ASSERT(deliveries.claim("a", 2, 1000) == Claim::again);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(DeliveriesTest);
