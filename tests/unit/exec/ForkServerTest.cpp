#include "exec/ProcessTable.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

using namespace usher;
using namespace usher::test;

/// The process that leaders are copies of (leader/ForkServer.h).
class ForkServerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ForkServerTest);
    CPPUNIT_TEST(aLeaderIsTheLaunchersOwnAndSaysWhoItIs);
    CPPUNIT_TEST(aKilledServerIsReplaced);
    CPPUNIT_TEST(aReplacedProgramIsUsedFromTheNextRunOn);
    CPPUNIT_TEST(aProgramThatDiesAtOnceIsAnError);
    CPPUNIT_TEST(itEndsWithItsLauncher);
    CPPUNIT_TEST_SUITE_END();

    static pid_t launcherOf(const Host& host) {
        for (pid_t pid : processesWith("--runs-dir" + std::string(1, '\0') + host.root))
            if (auto facts = findProcess(pid); facts && facts->parent != ::getpid()) return pid;
        return -1;
    }
    static pid_t serverOf(const Host& host) {
        const std::vector<pid_t> children = childrenOf(launcherOf(host));
        for (pid_t pid : processesWith("(waits for runs)"))
            if (std::find(children.begin(), children.end(), pid) != children.end()) return pid;
        return -1;
    }

    void aLeaderIsTheLaunchersOwnAndSaysWhoItIs() {
        Host host;
        const ClaimedRun job = host.job({"echo up; while ! test -e go; do sleep 0.05; done"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        const pid_t leader = host.leaderOf(job), server = serverOf(host);
        CPPUNIT_ASSERT(server > 0 && leader != server);
        CPPUNIT_ASSERT_EQUAL(launcherOf(host), findProcess(leader)->parent);
        CPPUNIT_ASSERT_EQUAL(leader, ::getsid(leader));
        const std::string line = read("/proc/" + std::to_string(leader) + "/cmdline"), nul(1, '\0');
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, line.find("usher-leader" + nul + job.runId + nul + "1" + nul));
        CPPUNIT_ASSERT(line.find(nul + host.settings().runsDir + nul) != std::string::npos);
        const std::vector<FoundLeader> found = findLeaders(::geteuid(), host.settings().runsDir);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.size()); // and not the server
        CPPUNIT_ASSERT_EQUAL(leader, found[0].pid);
        // Of the server's descriptors it has none: 0 to 2, and its own.
        for (const auto& entry :
             std::filesystem::directory_iterator("/proc/" + std::to_string(leader) + "/fd"))
            CPPUNIT_ASSERT(std::filesystem::read_symlink(entry).string().find("exec-config") ==
                           std::string::npos);
        host.letGo(job);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
    }

    void aKilledServerIsReplaced() {
        Host host;
        const ClaimedRun job = host.job({"echo up; while ! test -e go; do sleep 0.05; done"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        const pid_t first = serverOf(host);
        CPPUNIT_ASSERT(first > 0);
        ::kill(first, SIGKILL);
        CPPUNIT_ASSERT(eventually([&] { return !findProcess(first) || findProcess(first)->dead; }));
        CPPUNIT_ASSERT(host.run("echo after").status == RunStatus::passed);
        CPPUNIT_ASSERT(serverOf(host) > 0 && serverOf(host) != first);
        // Its children go on without it.
        host.letGo(job);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
    }

    void aReplacedProgramIsUsedFromTheNextRunOn() {
        Host host;
        const std::string copy = host.root + "/bin/usher-leader";
        std::filesystem::create_directory(host.root + "/bin");
        std::filesystem::copy_file(USHER_LEADER, copy);
        host.leaderPath = copy;
        host.restart();
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
        const pid_t first = serverOf(host);
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(first, serverOf(host));
        // As a package manager does it: the new one beside, renamed.
        std::filesystem::copy_file(USHER_LEADER, copy + ".new");
        std::filesystem::rename(copy + ".new", copy);
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
        CPPUNIT_ASSERT(serverOf(host) > 0 && serverOf(host) != first);
    }

    void aProgramThatDiesAtOnceIsAnError() {
        Host host;
        host.leaderPath = "/bin/false";
        host.restart();
        const RunOutcome outcome = host.run("true");
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT_EQUAL(std::string("usher-leader could not be started"), outcome.errorDetails);
    }

    void itEndsWithItsLauncher() {
        Host host;
        CPPUNIT_ASSERT(eventually([&] { return serverOf(host) > 0; })); // before any run
        const pid_t server = serverOf(host);
        host.stop();
        CPPUNIT_ASSERT(eventually([&] { return !findProcess(server) || findProcess(server)->dead; }));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ForkServerTest);
