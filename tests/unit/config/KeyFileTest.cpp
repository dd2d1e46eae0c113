#include "config/KeyFile.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

using namespace usher;

/// Whose key file is taken, and with which mode.
class KeyFileTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(KeyFileTest);
    CPPUNIT_TEST(aFileOfOneOwnerIsTaken);
    CPPUNIT_TEST(othersMayNotReadIt);
    CPPUNIT_TEST(aGroupMayReadWhatIsRoots);
    CPPUNIT_TEST(aGroupMayNotReadAnyoneElses);
    CPPUNIT_TEST_SUITE_END();

    std::string file;

    bool isTaken(mode_t mode) {
        CPPUNIT_ASSERT_EQUAL(0, ::chmod(file.c_str(), mode));
        try {
            return readSecretsKey(file) == std::string(32, '\x11');
        } catch (const std::runtime_error& refused) {
            CPPUNIT_ASSERT(std::string(refused.what()).find("others than its owner may read") !=
                           std::string::npos);
            return false;
        }
    }

public:
    void setUp() override {
        char name[] = "/tmp/usher-key-test.XXXXXX";
        int fd = ::mkstemp(name);
        CPPUNIT_ASSERT(fd >= 0);
        ::close(fd);
        file = name;
        for (int i = 0; i < 32; ++i) std::ofstream(file, std::ios::app) << "11";
    }
    void tearDown() override { ::unlink(file.c_str()); }

    void aFileOfOneOwnerIsTaken() { CPPUNIT_ASSERT(isTaken(0600)); }
    void othersMayNotReadIt() {
        for (mode_t mode : {0604, 0602, 0601, 0644, 0620, 0660}) CPPUNIT_ASSERT(!isTaken(mode));
    }
    void aGroupMayReadWhatIsRoots() {
        if (::geteuid() != 0) return; // cannot make a file of root's
        for (mode_t mode : {0440, 0640}) CPPUNIT_ASSERT(isTaken(mode));
    }
    void aGroupMayNotReadAnyoneElses() {
        if (::geteuid() == 0) CPPUNIT_ASSERT_EQUAL(0, ::chown(file.c_str(), 65534, 65534));
        for (mode_t mode : {0640, 0610}) CPPUNIT_ASSERT(!isTaken(mode));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeyFileTest);
