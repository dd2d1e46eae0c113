#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

using namespace usher;
using namespace usher::test;

/// Cancel, timeout, and that nothing of a test outlives it, whatever it did to get away.
class EndingTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(EndingTest);
    CPPUNIT_TEST(aGrandchildThatHoldsStdoutDoesNotHangTheRun);
    CPPUNIT_TEST(anEscapeeIsDeadAfterTheTest);
    CPPUNIT_TEST(anEscapeeIsDeadAfterCancelAndTimeout);
    CPPUNIT_TEST(cancelSendsTermAndWaitsForTheGroup);
    CPPUNIT_TEST(whoIgnoresTermIsKilledAfterTheGrace);
    CPPUNIT_TEST(aTimeoutEndsTheRunAndSkipsTheRest);
    CPPUNIT_TEST(cancelBeforeTheStart);
    CPPUNIT_TEST(cancelRightBehindTheStart);
    CPPUNIT_TEST(cancelOfAnUnknownRunIsIgnored);
    CPPUNIT_TEST(aStoppedTestCanBeCancelled);
    CPPUNIT_TEST(aForkBombEndsWithItsTest);
    CPPUNIT_TEST(processesThatTogetherHoldTooMuchAreEnded);
    CPPUNIT_TEST(whoKillsEverythingItCanKillsItselfOnly);
    CPPUNIT_TEST(aRemovalEndsTheRuns);
    CPPUNIT_TEST(aRemovalDoesNotWaitForALongGrace);
    CPPUNIT_TEST_SUITE_END();

    /// Double fork, setsid, a name to find it by. `sleep` stays behind with nothing in common with its test.
    static std::string escape(const std::string& seconds) {
        return "(setsid sh -c 'setsid sleep " + seconds + " </dev/null >/dev/null 2>&1 & exit 0' &) ; ";
    }
    static int remove(const Host& host) {
        const std::string command =
            std::string(USHER_LAUNCHER) + " --end-runs --config " + host.root + "/usherd.conf";
        return std::system(command.c_str());
    }
    static bool alive(const std::string& seconds) {
        return !processesWith("sleep" + std::string(1, '\0') + seconds).empty();
    }

    void aRemovalEndsTheRuns() {
        Host host("cancel_grace_seconds = 0\n"), other;
        ClaimedRun job = host.job({escape("86420") + "trap '' TERM; sleep 86421"}),
                   stays = other.job({"sleep 86422"});
        host.executor->start(job);
        other.executor->start(stays);
        CPPUNIT_ASSERT(eventually([&] { return alive("86420") && alive("86421") && alive("86422"); }));
        CPPUNIT_ASSERT_EQUAL(0, remove(host));
        CPPUNIT_ASSERT(!alive("86420") && !alive("86421"));
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT_EQUAL(std::string("the run's leader was told to stop (SIGTERM)"),
                             outcome.errorDetails);
        CPPUNIT_ASSERT(alive("86422")); // another daemon's
        other.executor->cancel(stays.runId);
        other.listener.waitFinished(stays.runId);
        CPPUNIT_ASSERT_EQUAL(0, remove(host)); // nothing to do
    }
    void aRemovalDoesNotWaitForALongGrace() {
        Host host("cancel_grace_seconds = 3600\n");
        ClaimedRun job = host.job({"trap '' TERM; sleep 86423 & while :; do sleep 1; done"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return alive("86423"); }));
        CPPUNIT_ASSERT_EQUAL(0, remove(host));
        CPPUNIT_ASSERT(eventually([&] { return !alive("86423"); }, 2));
        host.listener.waitEnded(job.runId); // its leader says so, or is ended before it can
    }
    void aGrandchildThatHoldsStdoutDoesNotHangTheRun() {
        Host host;
        ClaimedRun job = host.job({"sleep 86401 & echo done"});
        auto began = std::chrono::steady_clock::now();
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string("done\n"), host.log(job.runId));
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
        CPPUNIT_ASSERT(!alive("86401"));
    }
    void anEscapeeIsDeadAfterTheTest() {
        Host host;
        for (int i = 0; i < 20; ++i) {
            ClaimedRun job = host.job({escape("86402") + "sleep 0.02; exit 0"});
            CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
            CPPUNIT_ASSERT(!alive("86402"));
        }
    }
    void anEscapeeIsDeadAfterCancelAndTimeout() {
        Host host("cancel_grace_seconds = 0\n");
        for (int i = 0; i < 20; ++i) {
            ClaimedRun job = host.job({escape("86403") + "touch begun; sleep 86404"});
            if (i < 3) job.timeoutSeconds = 1;
            host.executor->start(job);
            CPPUNIT_ASSERT(eventually([&] { return alive("86403"); }));
            if (i >= 3) host.executor->cancel(job.runId);
            RunOutcome outcome = host.listener.waitFinished(job.runId);
            CPPUNIT_ASSERT(outcome.status == (i < 3 ? RunStatus::timeout : RunStatus::cancelled));
            CPPUNIT_ASSERT(!alive("86403") && !alive("86404"));
        }
    }
    void cancelSendsTermAndWaitsForTheGroup() {
        Host host;
        ClaimedRun job = host.job({"trap 'echo cleaning; sleep 0.3; echo cleaned; exit 5' TERM; echo up; "
                                   "while :; do sleep 0.05; done",
                                   "echo never"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        host.executor->cancel(job.runId);
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT(outcome.status == RunStatus::cancelled);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::cancelled);
        CPPUNIT_ASSERT_EQUAL(5, outcome.tests.at(0).exitCode.value());
        CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::skipped);
        std::string log = host.log(job.runId);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("cleaned\n") != std::string::npos);
    }
    void whoIgnoresTermIsKilledAfterTheGrace() {
        Host host("cancel_grace_seconds = 1\n");
        ClaimedRun job = host.job({"trap '' TERM; echo up; while :; do sleep 0.05; done"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        host.executor->cancel(job.runId);
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT(outcome.status == RunStatus::cancelled);
        CPPUNIT_ASSERT_EQUAL(SIGKILL, outcome.tests.at(0).signal.value());
    }
    void aTimeoutEndsTheRunAndSkipsTheRest() {
        Host host("cancel_grace_seconds = 1\n");
        ClaimedRun job = host.job({"true", "sleep 86405", "true"});
        job.timeoutSeconds = 1;
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::timeout);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::passed);
        CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::timeout);
        CPPUNIT_ASSERT(outcome.tests.at(2).status == TestStatus::skipped);
        CPPUNIT_ASSERT_EQUAL(std::string("the run took longer than 1 s"), outcome.errorDetails);
        CPPUNIT_ASSERT_EQUAL(SIGTERM, outcome.signal.value());
    }
    void cancelBeforeTheStart() {
        Host host;
        ClaimedRun job = host.job({"echo never"});
        job.cancelRequested = true;
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::cancelled);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::skipped);
        CPPUNIT_ASSERT_EQUAL(std::string("(no log)"), host.log(job.runId));
    }
    void cancelRightBehindTheStart() {
        Host host("cancel_grace_seconds = 0\n");
        for (int i = 0; i < 20; ++i) {
            ClaimedRun job = host.job({"sleep 86406", "sleep 86406"});
            host.executor->start(job);
            for (int wait = 0; wait < i * 20000; ++wait) asm volatile("");
            host.executor->cancel(job.runId);
            CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::cancelled);
            CPPUNIT_ASSERT(!alive("86406"));
        }
    }
    void cancelOfAnUnknownRunIsIgnored() {
        Host host;
        host.executor->cancel(createUuid());
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
    }
    void aStoppedTestCanBeCancelled() {
        Host host("cancel_grace_seconds = 1\n");
        ClaimedRun job = host.job({"echo up; kill -STOP $$"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        host.executor->cancel(job.runId);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::cancelled);
    }
    void aForkBombEndsWithItsTest() {
        if (!isRoot()) return; // without a uid of its own nothing bounds it
        Host host;
        ClaimedRun job =
            host.job({"b() { sleep 86407 & b2 & }; b2() { b; b; sleep 86407; }; (b &) ; sleep 0.5; exit 4"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT(!alive("86407"));
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
    }
    void processesThatTogetherHoldTooMuchAreEnded() {
        if (!isRoot()) return;
        // Each stays below what one process may have.
        Host host("memory_limit_bytes = 300000000\n");
        const std::string hog = "python3 -c \"import time; x = bytearray(120 << 20); time.sleep(86409)\"";
        for (int atOnce : {1, 2}) {
            ClaimedRun job = host.job({hog + " & " + hog + " & " + hog + " & wait", "sleep 1; echo well"});
            job.parallelism = atOnce;
            RunOutcome outcome = host.run(job);
            CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
            CPPUNIT_ASSERT_EQUAL(
                std::string("its processes together held more than 300000000 bytes of memory "
                            "([exec] memory_limit_bytes)"),
                outcome.tests.at(0).errorDetails);
            CPPUNIT_ASSERT_EQUAL(SIGKILL, outcome.tests.at(0).signal.value());
            CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::passed);
            CPPUNIT_ASSERT(processesWith("sleep(86409)").empty());
        }
        // One that takes too much by itself is refused it.
        RunOutcome outcome = host.run("python3 -c 'x = bytearray(400 << 20)' 2>&1");
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(1, outcome.exitCode.value());
    }
    void whoKillsEverythingItCanKillsItselfOnly() {
        if (!isRoot()) return;
        Host host;
        // kill(-1) spares its caller, so either of the two may be the last.
        host.run("setsid sh -c 'while :; do kill -9 -1; done' & kill -9 -1");
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(EndingTest);
