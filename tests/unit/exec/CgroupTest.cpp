// What is read from and written to control groups, on folders that look like them. That the kernel does what
// it is asked for is for tests/packaging/vm to see: few machines that build have a part of the tree to give
// away.
#include "exec/CgroupTree.h"
#include "exec/LeaderOrder.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace usher::test {

class CgroupTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CgroupTest);
    CPPUNIT_TEST(theOwnGroupIsThatOfVersionTwo);
    CPPUNIT_TEST(aDelegatedGroupIsMadeReady);
    CPPUNIT_TEST(withoutControllersNothingIsTouched);
    CPPUNIT_TEST(aGroupOfOthersIsNotTouched);
    CPPUNIT_TEST(aGroupWithOtherProcessesIsNotTouched);
    CPPUNIT_TEST(aRunHasAGroupWithALeafForItsLeader);
    CPPUNIT_TEST(aNextLauncherSetsTheLimitsAnew);
    CPPUNIT_TEST(whatWasHandedDownIsTakenBack);
    CPPUNIT_TEST(limitsAreWrittenAsTheKernelWantsThem);
    CPPUNIT_TEST(eventsAreCounted);
    CPPUNIT_TEST(aChildEntersItsGroupFirst);
    CPPUNIT_TEST(aChildThatCannotEnterDoesNothing);
    CPPUNIT_TEST(noGroupIsAnAnswer);
    CPPUNIT_TEST(theLeaderIsToldOfItsGroup);
    CPPUNIT_TEST(whatIsInForceIsSaid);
    CPPUNIT_TEST_SUITE_END();

    std::string _mount, _unit;
    const std::string _self =
        "9:name=systemd:/\n4:memory:/elsewhere\n0::/system.slice/usher-launcher.service\n";

    static void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
    static bool there(const std::string& path) { return std::filesystem::exists(path); }
    CgroupTree take(uid_t owner = ::geteuid()) const { return CgroupTree::take(_mount, _self, owner); }

public:
    void setUp() override {
        char folder[] = "/tmp/usher-cgroup-XXXXXX";
        CPPUNIT_ASSERT(::mkdtemp(folder));
        _mount = folder;
        _unit = _mount + "/system.slice/usher-launcher.service";
        // The kernel fills a new group with files; here they have to be there before.
        std::filesystem::create_directories(_unit + "/launcher");
        put(_unit + "/launcher/cgroup.procs", "");
        put(_unit + "/cgroup.controllers", "cpu memory pids\n");
        put(_unit + "/cgroup.subtree_control", "\n");
        put(_unit + "/cgroup.procs", std::to_string(::getpid()) + "\n");
    }
    void tearDown() override { std::filesystem::remove_all(_mount); }

    void theOwnGroupIsThatOfVersionTwo() {
        CPPUNIT_ASSERT_EQUAL(_unit, CgroupTree::ownGroup(_mount, _self).path());
        CPPUNIT_ASSERT(!CgroupTree::ownGroup(_mount, "4:memory:/system.slice/usher-launcher.service\n"));
        CPPUNIT_ASSERT(!CgroupTree::ownGroup(_mount, "0::/not/there\n"));
        CPPUNIT_ASSERT(!CgroupTree::ownGroup(_mount, ""));
        put(_mount + "/cgroup.controllers", "memory\n");
        CPPUNIT_ASSERT_EQUAL(_mount, CgroupTree::ownGroup(_mount, "0::/\n").path());
    }
    void aDelegatedGroupIsMadeReady() {
        const CgroupTree tree = take();
        CPPUNIT_ASSERT_EQUAL(std::string(), tree.problem());
        CPPUNIT_ASSERT(tree);
        CPPUNIT_ASSERT_EQUAL(std::to_string(::getpid()), read(_unit + "/launcher/cgroup.procs"));
        CPPUNIT_ASSERT_EQUAL(std::string("+cpu"), read(_unit + "/cgroup.subtree_control")); // the last one
        // Started in the leaf already, as newer service managers do.
        put(_unit + "/launcher/cgroup.controllers", "memory pids\n");
        CPPUNIT_ASSERT(
            CgroupTree::take(_mount, "0::/system.slice/usher-launcher.service/launcher\n", ::geteuid()));
    }
    void withoutControllersNothingIsTouched() {
        put(_unit + "/cgroup.controllers", "cpu pids\n");
        const CgroupTree tree = take();
        CPPUNIT_ASSERT(!tree);
        CPPUNIT_ASSERT_MESSAGE(tree.problem(),
                               tree.problem().find("no controller memory") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::string(), read(_unit + "/launcher/cgroup.procs"));
        CPPUNIT_ASSERT_EQUAL(std::string("\n"), read(_unit + "/cgroup.subtree_control"));
    }
    void aGroupOfOthersIsNotTouched() {
        const CgroupTree tree = take(::geteuid() + 1);
        CPPUNIT_ASSERT(!tree);
        CPPUNIT_ASSERT_MESSAGE(tree.problem(), tree.problem().find("belongs to user") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::string(), read(_unit + "/launcher/cgroup.procs"));
    }
    void aGroupWithOtherProcessesIsNotTouched() {
        put(_unit + "/cgroup.procs", std::to_string(::getpid()) + "\n1\n");
        const CgroupTree tree = take();
        CPPUNIT_ASSERT(!tree);
        CPPUNIT_ASSERT_EQUAL(_unit + " is not ours alone: process 1", tree.problem());
        CPPUNIT_ASSERT_EQUAL(std::string(), read(_unit + "/launcher/cgroup.procs"));
        CPPUNIT_ASSERT(!there(_unit + "/earlier"));
    }
    void aRunHasAGroupWithALeafForItsLeader() {
        const CgroupTree tree = take();
        const Cgroup run = tree.makeRun("7f3a", 2);
        CPPUNIT_ASSERT_EQUAL(_unit + "/run-7f3a-2", run.path());
        CPPUNIT_ASSERT(there(run.path() + "/leader"));
        CPPUNIT_ASSERT_EQUAL(run.path(), tree.runOf("7f3a", 2).path());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, tree.runs().size()); // and not "launcher"
        CPPUNIT_ASSERT(run.child("test-0").make());
        CPPUNIT_ASSERT(run.remove());
        CPPUNIT_ASSERT(!there(run.path()));
        CPPUNIT_ASSERT(run.remove()); // gone already is as good
    }
    void aNextLauncherSetsTheLimitsAnew() {
        const CgroupTree tree = take();
        const Cgroup run = tree.makeRun("7f3a", 1);
        for (const char* leaf : {"/leader", "/test-3"}) {
            std::filesystem::create_directories(run.path() + leaf);
            for (const char* file : {"/memory.max", "/memory.swap.max", "/memory.oom.group", "/pids.max"})
                put(run.path() + leaf + file, "max\n");
        }
        put(run.path() + "/cgroup.controllers", "memory pids\n");
        put(run.path() + "/cgroup.subtree_control", "\n");
        tree.adopt(run, {1000, 5});
        CPPUNIT_ASSERT_EQUAL(std::string("+pids"), read(run.path() + "/cgroup.subtree_control"));
        CPPUNIT_ASSERT_EQUAL(std::string("1000"), read(run.path() + "/test-3/memory.max"));
        CPPUNIT_ASSERT_EQUAL(std::string("5"), read(run.path() + "/test-3/pids.max"));
        CPPUNIT_ASSERT_EQUAL(std::string("max\n"), read(run.path() + "/leader/memory.max"));
    }
    void whatWasHandedDownIsTakenBack() {
        const std::string run = _unit + "/run-7f3a-1", control = "/.control";
        std::filesystem::create_directories(run);
        std::filesystem::create_directories(_unit + control);
        put(_unit + control + "/cgroup.controllers", "memory pids\n");
        for (const std::string& group : {_unit, run}) put(group + "/cgroup.subtree_control", "memory pids\n");
        CPPUNIT_ASSERT(CgroupTree::release(_mount, "0::/system.slice/usher-launcher.service/.control\n"));
        for (const std::string& group : {_unit, run})
            CPPUNIT_ASSERT_EQUAL(std::string("-pids"), read(group + "/cgroup.subtree_control"));
        CPPUNIT_ASSERT(CgroupTree::release(_mount, "")); // nothing to take back
    }
    void limitsAreWrittenAsTheKernelWantsThem() {
        const Cgroup group(_unit);
        CPPUNIT_ASSERT(!group.limit({1 << 20, 10})); // no such controller
        for (const char* file : {"/memory.max", "/memory.oom.group", "/pids.max"}) put(_unit + file, "?");
        CPPUNIT_ASSERT(group.limit({1 << 20, 10})); // swap is not accounted here
        put(_unit + "/memory.swap.max", "?");
        CPPUNIT_ASSERT(group.limit({1 << 20, 10}));
        CPPUNIT_ASSERT_EQUAL(std::string("1048576"), read(_unit + "/memory.max"));
        CPPUNIT_ASSERT_EQUAL(std::string("0"), read(_unit + "/memory.swap.max"));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), read(_unit + "/memory.oom.group"));
        CPPUNIT_ASSERT_EQUAL(std::string("10"), read(_unit + "/pids.max"));
        CPPUNIT_ASSERT(group.limit({}));
        CPPUNIT_ASSERT_EQUAL(std::string("max"), read(_unit + "/memory.max"));
        CPPUNIT_ASSERT_EQUAL(std::string("max"), read(_unit + "/memory.swap.max"));
        CPPUNIT_ASSERT_EQUAL(std::string("max"), read(_unit + "/pids.max"));
    }
    void eventsAreCounted() {
        const Cgroup group(_unit);
        put(_unit + "/memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 4\noom_group_kill 1\n");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, group.count("memory.events", "oom_kill"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, group.count("memory.events", "oom"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, group.count("pids.events", "max"));
        CPPUNIT_ASSERT(!group.populated());
        put(_unit + "/cgroup.events", "populated 1\nfrozen 0\n");
        CPPUNIT_ASSERT(group.populated());
        CPPUNIT_ASSERT(!group.kill()); // a kernel without it
        put(_unit + "/cgroup.kill", "");
        CPPUNIT_ASSERT(group.kill());
        CPPUNIT_ASSERT_EQUAL(std::string("1"), read(_unit + "/cgroup.kill"));
    }
    void aChildEntersItsGroupFirst() {
        const pid_t child = forkInto(Cgroup(_unit + "/launcher"));
        if (child == 0) ::_exit(read(_unit + "/launcher/cgroup.procs") == "0" ? 0 : 1);
        int status = -1;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        CPPUNIT_ASSERT_EQUAL(0, status);
        CPPUNIT_ASSERT(forkInto(Cgroup(_unit + "/missing")) < 0);
    }
    void aChildThatCannotEnterDoesNothing() {
        std::filesystem::remove(_unit + "/launcher/cgroup.procs");
        CPPUNIT_ASSERT_EQUAL(0, ::symlink("/dev/full", (_unit + "/launcher/cgroup.procs").c_str()));
        const std::string said = _unit + "/said";
        const pid_t child = forkInto(
            Cgroup(_unit + "/launcher"),
            [](const void* path) { ::close(::creat(static_cast<const std::string*>(path)->c_str(), 0600)); },
            &said);
        if (child == 0) ::_exit(0);
        int status = -1;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        CPPUNIT_ASSERT_EQUAL(127, WEXITSTATUS(status));
        CPPUNIT_ASSERT(there(said));
    }
    void noGroupIsAnAnswer() {
        const Cgroup none;
        CPPUNIT_ASSERT(!none && !none.make() && !none.kill() && !none.populated() && none.remove());
        CPPUNIT_ASSERT(none.children().empty() && none.read("cgroup.procs").empty());
        const CgroupTree tree;
        CPPUNIT_ASSERT(!tree && !tree.makeRun("7f3a", 1) && !tree.runOf("7f3a", 1) && tree.runs().empty());
    }
    void theLeaderIsToldOfItsGroup() {
        LeaderOrder order;
        order.cgroup = _unit + "/run-7f3a-1";
        CPPUNIT_ASSERT_EQUAL(order.cgroup, orderFromJson(toJson(order)).cgroup);
    }
    void whatIsInForceIsSaid() {
        ExecConfig config;
        config.sandbox = "basic";
        CPPUNIT_ASSERT_EQUAL(std::string("basic (uid, rlimits; cgroup v2: memory, pids)"),
                             describeSandbox(config, true, true, true));
        CPPUNIT_ASSERT_EQUAL(config.memoryLimitBytes, cgroupLimits(config).memoryBytes);
        config.memoryLimitBytes = 0;
        CPPUNIT_ASSERT_EQUAL(std::string("basic (uid, rlimits; cgroup v2: pids)"),
                             describeSandbox(config, true, true, true));
        config.sandbox = "strict";
        CPPUNIT_ASSERT_EQUAL(
            std::string("strict (uid, rlimits, namespaces, seccomp, no network; cgroup v2: pids)"),
            describeSandbox(config, true, false, true));
        config.sandbox = "none";
        CPPUNIT_ASSERT_EQUAL(std::string("none (cgroup v2: kill)"),
                             describeSandbox(config, false, true, true));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, cgroupLimits(config).processes);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CgroupTest);

} // namespace usher::test
