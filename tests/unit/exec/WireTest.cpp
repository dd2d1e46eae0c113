#include "exec/Wire.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// Packets between daemon, launcher and leader.
class WireTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WireTest);
    CPPUNIT_TEST(lastWordsAreHeardAlthoughOursWereNot);
    CPPUNIT_TEST(whatIsNoObjectEndsTheTalk);
    CPPUNIT_TEST_SUITE_END();

    /// A leader that gives up has not read what the daemon told it meanwhile; why it gave up must arrive.
    void lastWordsAreHeardAlthoughOursWereNot() {
        auto [ours, theirs] = packetPair();
        CPPUNIT_ASSERT(sendPacket(ours.get(), {{"op", "lease"}}));
        CPPUNIT_ASSERT(sendPacket(theirs.get(), {{"e", "hello"}}));
        CPPUNIT_ASSERT(sendPacket(theirs.get(), {{"e", "failed"}}));
        theirs.reset();
        Packet packet;
        CPPUNIT_ASSERT(receivePacket(ours.get(), packet) == Received::packet);
        CPPUNIT_ASSERT_EQUAL(std::string("hello"), packet.body.value("e", ""));
        CPPUNIT_ASSERT(receivePacket(ours.get(), packet) == Received::packet);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), packet.body.value("e", ""));
        CPPUNIT_ASSERT(receivePacket(ours.get(), packet) == Received::closed);
    }

    void whatIsNoObjectEndsTheTalk() {
        auto [ours, theirs] = packetPair();
        CPPUNIT_ASSERT(sendPacket(theirs.get(), Json::array({1})));
        Packet packet;
        CPPUNIT_ASSERT(receivePacket(ours.get(), packet) == Received::closed);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WireTest);
