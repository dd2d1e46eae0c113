#include "exec/ProcessTable.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <unistd.h>

using namespace usher;
using namespace usher::test;

/// A leader goes on only as long as its node has shown life; 5 s before the end of that it ends its run.
class LeaseTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LeaseTest);
    CPPUNIT_TEST(aLeaseThatIsNotRenewedEndsAllOfTheRun);
    CPPUNIT_TEST(aRenewedLeaseLetsTheRunGoOn);
    CPPUNIT_TEST(anotherEpochsLeaseIsNotOurs);
    CPPUNIT_TEST(aLeaseThatIsOverStartsNothing);
    CPPUNIT_TEST(aRestartedDaemonRenewsWhatItFindsAgain);
    CPPUNIT_TEST(theLastLeaseBeforeTheEndReachesTheLeader);
    CPPUNIT_TEST(withoutALeaseARunHasItsTimeoutOnly);
    CPPUNIT_TEST_SUITE_END();

    static bool alive(const std::string& seconds) {
        return !processesWith("sleep" + std::string(1, '\0') + seconds).empty();
    }
    static HeldRun held(const ClaimedRun& run) { return {run.runId, run.attempt, run.leaseEpoch}; }

    /// A run with a lease that ends so many milliseconds from now, handed to the executor.
    static ClaimedRun startLeased(Host& host, std::vector<std::string> scripts, BootMillis leaseMillis) {
        ClaimedRun job = host.job(std::move(scripts));
        job.leaseUntil = host.clock.bootTime() + leaseMillis;
        host.executor->start(job);
        return job;
    }
    /// The same, and the run has begun.
    static ClaimedRun beginLeased(Host& host, const std::string& script, BootMillis leaseMillis) {
        ClaimedRun job = startLeased(host, {script}, leaseMillis);
        host.listener.waitStarted(job.runId);
        return job;
    }
    static void renewForAMinute(Host& host, const HeldRun& run) {
        host.executor->renewLease(host.clock.bootTime() + 60'000, {run});
    }
    static void expectFoundAgainAndFailed(Host& host, const ClaimedRun& job) {
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::failed);
    }

    void aLeaseThatIsNotRenewedEndsAllOfTheRun() {
        Host host;
        const ClaimedRun job = startLeased(
            host, {"trap '' TERM; setsid sleep 86431 & echo up; sleep 86432", "touch second"}, 6500);
        const BootMillis until = job.leaseUntil;
        CPPUNIT_ASSERT(eventually([&] { return alive("86431") && alive("86432"); }));
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT(host.clock.bootTime() >= until - 5000);
        CPPUNIT_ASSERT(host.clock.bootTime() < until);
        CPPUNIT_ASSERT(!alive("86431") && !alive("86432"));
        CPPUNIT_ASSERT_EQUAL(0, host.listener.finishes(job.runId));
    }
    void aRenewedLeaseLetsTheRunGoOn() {
        Host host;
        const ClaimedRun job = beginLeased(host, "sleep 2.5; exit 3", 6500);
        renewForAMinute(host, held(job));
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::failed);
    }
    void anotherEpochsLeaseIsNotOurs() {
        Host host;
        const ClaimedRun job = beginLeased(host, "sleep 86433", 6500);
        renewForAMinute(host, {job.runId, job.attempt, job.leaseEpoch + 1});
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT(!alive("86433"));
    }
    void aLeaseThatIsOverStartsNothing() {
        Host host;
        const ClaimedRun job = startLeased(host, {"echo started"}, 4000);
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT_EQUAL(std::string(), host.log(job.runId));
    }
    void aRestartedDaemonRenewsWhatItFindsAgain() {
        Host host;
        ClaimedRun job = beginLeased(host, "sleep 3; exit 4", 7000);
        host.restart();
        job.leaseUntil = host.clock.bootTime() + 60'000;
        expectFoundAgainAndFailed(host, job);
    }
    void theLastLeaseBeforeTheEndReachesTheLeader() {
        Host host;
        const ClaimedRun job = beginLeased(host, "sleep 3; exit 5", 7000);
        renewForAMinute(host, held(job));
        host.stop();
        CPPUNIT_ASSERT(eventually(
            [&] { return ::access((host.attemptPath(job) + "/result.json").c_str(), F_OK) == 0; }));
        host.restart();
        expectFoundAgainAndFailed(host, job);
    }
    void withoutALeaseARunHasItsTimeoutOnly() {
        Host host;
        ClaimedRun job = host.job({"sleep 0.2"});
        host.executor->start(job);
        host.listener.waitStarted(job.runId);
        host.executor->renewLease(1, {});
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(LeaseTest);
