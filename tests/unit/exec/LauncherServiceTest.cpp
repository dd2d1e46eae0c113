#include "exec/Wire.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <spawn.h>
#include <sys/wait.h>

#include <csignal>

using namespace usher;
using namespace usher::test;

/// The launcher as a service of its own, restarted like one.
class LauncherServiceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LauncherServiceTest);
    CPPUNIT_TEST(onceEndedNobodyListens);
    CPPUNIT_TEST_SUITE_END();

public:
    /// The next launcher refuses a socket on which somebody answers.
    void onceEndedNobodyListens() {
        Host host;
        host.stop();
        const std::string path = host.root + "/launcher.sock", config = host.settings().configFile;
        for (int round = 0; round < 20; ++round) {
            const char* words[] = {USHER_LAUNCHER, "--config", config.c_str(), "--leader",
                                   USHER_LEADER,   "--socket", path.c_str(),   nullptr};
            pid_t launcher = 0;
            CPPUNIT_ASSERT_EQUAL(
                0, ::posix_spawn(&launcher, words[0], nullptr, nullptr, const_cast<char**>(words), environ));
            // It waits for signals when it has made its worker.
            const std::string pid = std::to_string(launcher);
            CPPUNIT_ASSERT(
                eventually([&] { return !read("/proc/" + pid + "/task/" + pid + "/children").empty(); }));
            CPPUNIT_ASSERT(connectPackets(path));
            ::kill(launcher, SIGTERM);
            int status = -1;
            CPPUNIT_ASSERT_EQUAL(launcher, ::waitpid(launcher, &status, 0));
            CPPUNIT_ASSERT_EQUAL(0, status);
            CPPUNIT_ASSERT(!connectPackets(path));
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(LauncherServiceTest);
