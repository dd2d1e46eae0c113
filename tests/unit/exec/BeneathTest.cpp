#include "exec/Files.h"

#include <cppunit/extensions/HelperMacros.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace usher;

/// The two ways to open what lies below a folder agree on what may be opened: with openat2, and name by name.
class BeneathTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BeneathTest);
    CPPUNIT_TEST(whatLiesBelowIsOpened);
    CPPUNIT_TEST(nothingAboveIsReached);
    CPPUNIT_TEST(noLinkIsFollowed);
    CPPUNIT_TEST_SUITE_END();

    std::string top;
    UniqueFd folder;

    bool opens(const std::string& path, int flags = O_RDONLY) {
        const bool atOnce = static_cast<bool>(openBeneath(folder.get(), path, flags, 0600));
        const bool stepwise = static_cast<bool>(openStepwise(folder.get(), path, flags, 0600));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(path, atOnce, stepwise);
        return stepwise;
    }

public:
    void setUp() override {
        char name[] = "/tmp/usher-beneath-test.XXXXXX";
        top = ::mkdtemp(name);
        std::filesystem::create_directories(top + "/in/side");
        std::ofstream(top + "/outside") << "x";
        std::ofstream(top + "/in/side/file") << "x";
        std::filesystem::create_symlink("side", top + "/in/link");
        std::filesystem::create_symlink("side/file", top + "/in/linked-file");
        folder.reset(::open((top + "/in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    void tearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(top, ignored);
    }

    void whatLiesBelowIsOpened() {
        CPPUNIT_ASSERT(opens(".", O_RDONLY | O_DIRECTORY));
        CPPUNIT_ASSERT(opens("side", O_RDONLY | O_DIRECTORY));
        CPPUNIT_ASSERT(opens("side/file"));
        CPPUNIT_ASSERT(opens("side//./file", O_PATH | O_NOFOLLOW));
        CPPUNIT_ASSERT(opens("side/new", O_WRONLY | O_CREAT));
        CPPUNIT_ASSERT(!opens("side/missing"));
        CPPUNIT_ASSERT(!opens("side/file", O_WRONLY | O_CREAT | O_EXCL));
    }
    void nothingAboveIsReached() {
        for (const char* path : {"..", "../outside", "side/../../outside", "/etc/passwd", "/"})
            CPPUNIT_ASSERT(!opens(path));
    }
    void noLinkIsFollowed() {
        for (const char* path : {"link/file", "link", "linked-file"}) {
            CPPUNIT_ASSERT(!opens(path));
            CPPUNIT_ASSERT(!opens(path, O_PATH));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BeneathTest);
