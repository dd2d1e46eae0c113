#include "observe/Pulse.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// Who must move before the watchdog is fed.
class PulseTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PulseTest);
    CPPUNIT_TEST(fedWhenAllHaveMoved);
    CPPUNIT_TEST(onePartThatStandsStillIsEnoughToStarve);
    CPPUNIT_TEST(movesMayComeBetweenDifferentLooks);
    CPPUNIT_TEST(aHangIsNamedOnce);
    CPPUNIT_TEST_SUITE_END();

    int _fed = 0;
    std::vector<std::string> _lines;
    std::uint64_t _door = 0, _scheduler = 0;
    std::unique_ptr<Pulse> _pulse;

public:
    void setUp() override {
        _pulse = std::make_unique<Pulse>([this] { ++_fed; },
                                         [this](const std::string& line) { _lines.push_back(line); });
        _pulse->add("door", [this] { return _door; });
        _pulse->add("scheduler", [this] { return _scheduler; });
    }
    void fedWhenAllHaveMoved() {
        _door = _scheduler = 1;
        CPPUNIT_ASSERT(_pulse->look());
        CPPUNIT_ASSERT(!_pulse->look());
        _door = _scheduler = 2;
        CPPUNIT_ASSERT(_pulse->look());
        CPPUNIT_ASSERT_EQUAL(2, _fed);
    }
    void onePartThatStandsStillIsEnoughToStarve() {
        for (_door = 1; _door < 10; ++_door) CPPUNIT_ASSERT(!_pulse->look());
        CPPUNIT_ASSERT_EQUAL(0, _fed);
    }
    void movesMayComeBetweenDifferentLooks() {
        _door = 1;
        CPPUNIT_ASSERT(!_pulse->look());
        _scheduler = 1;
        CPPUNIT_ASSERT(_pulse->look());
    }
    void aHangIsNamedOnce() {
        for (_door = 1; _door < 5; ++_door) _pulse->look();
        CPPUNIT_ASSERT_EQUAL(std::size_t(1), _lines.size());
        CPPUNIT_ASSERT_EQUAL(std::string("standing still: scheduler"), _lines[0]);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(PulseTest);
