#include "app/NodeWatch.h"

#include <cppunit/extensions/HelperMacros.h>

namespace usher {

class NodeWatchTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(NodeWatchTest);
    CPPUNIT_TEST(aSilentNodeIsLostAfterItsLeaseAndNotBefore);
    CPPUNIT_TEST(aBeatingNodeIsNeverLostWhateverItsWallClockSays);
    CPPUNIT_TEST(weAreNeverLost);
    CPPUNIT_TEST(aPlannedRestartHasMoreTime);
    CPPUNIT_TEST(timeInWhichWeCouldNotLookCountsForNobody);
    CPPUNIT_TEST(aNodeThatBeatsAgainIsBack);
    CPPUNIT_TEST_SUITE_END();

    static Node node(const std::string& id, std::int64_t beats, int lease = 20) {
        Node node;
        node.id = id;
        node.name = "name-" + id;
        node.beats = beats;
        node.leaseSeconds = lease;
        return node;
    }
    /// Looks every second from `from` for `seconds`; how many were lost at the last look.
    static std::size_t looks(NodeWatch& watch, const Node& one, BootMillis from, int seconds) {
        std::size_t lost = 0;
        for (int i = 0; i <= seconds; ++i) lost = watch.look({one}, from + i * 1000).size();
        return lost;
    }

    void aSilentNodeIsLostAfterItsLeaseAndNotBefore() {
        NodeWatch watch("me");
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, looks(watch, node("a", 7), 50'000, 19));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, watch.look({node("a", 7)}, 70'000).size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, watch.newlyLost().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, watch.look({node("a", 7)}, 71'000).size());
        CPPUNIT_ASSERT(watch.newlyLost().empty());
    }
    void aBeatingNodeIsNeverLostWhateverItsWallClockSays() {
        NodeWatch watch("me");
        for (int second = 0; second < 200; ++second) {
            Node one = node("a", second / 19);
            one.heartbeatAt = 12; // in 1970
            CPPUNIT_ASSERT(watch.look({one}, second * 1000).empty());
        }
    }
    void weAreNeverLost() {
        NodeWatch watch("me");
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, looks(watch, node("me", 1), 0, 100));
    }
    void aPlannedRestartHasMoreTime() {
        NodeWatch watch("me");
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, looks(watch, node("a", 7, 120), 0, 119));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, looks(watch, node("a", 7, 120), 120'000, 0));
    }
    void timeInWhichWeCouldNotLookCountsForNobody() {
        NodeWatch watch("me");
        looks(watch, node("a", 7), 0, 15);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, looks(watch, node("a", 7), 60'000, 19));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, looks(watch, node("a", 7), 80'000, 0));
        // Who was lost before stays lost: its lease was over then.
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, watch.look({node("a", 7)}, 200'000).size());
    }
    void aNodeThatBeatsAgainIsBack() {
        NodeWatch watch("me");
        looks(watch, node("a", 7), 0, 25);
        CPPUNIT_ASSERT(watch.look({node("a", 8)}, 26'000).empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, watch.back().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, looks(watch, node("a", 8), 27'000, 18));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(NodeWatchTest);

} // namespace usher
