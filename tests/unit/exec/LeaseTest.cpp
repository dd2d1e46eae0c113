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

    void aLeaseThatIsNotRenewedEndsAllOfTheRun() {
        Host host;
        ClaimedRun job =
            host.job({"trap '' TERM; setsid sleep 86431 & echo up; sleep 86432", "touch second"});
        const BootMillis until = job.leaseUntil = host.clock.bootTime() + 6500;
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return alive("86431") && alive("86432"); }));
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT(host.clock.bootTime() >= until - 5000);
        CPPUNIT_ASSERT(host.clock.bootTime() < until);
        CPPUNIT_ASSERT(!alive("86431") && !alive("86432"));
        CPPUNIT_ASSERT_EQUAL(0, host.listener.finishes(job.runId));
    }
    void aRenewedLeaseLetsTheRunGoOn() {
        Host host;
        ClaimedRun job = host.job({"sleep 2.5; exit 3"});
        job.leaseUntil = host.clock.bootTime() + 6500;
        host.executor->start(job);
        host.listener.waitStarted(job.runId);
        host.executor->renewLease(host.clock.bootTime() + 60'000, {held(job)});
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::failed);
    }
    void anotherEpochsLeaseIsNotOurs() {
        Host host;
        ClaimedRun job = host.job({"sleep 86433"});
        job.leaseUntil = host.clock.bootTime() + 6500;
        host.executor->start(job);
        host.listener.waitStarted(job.runId);
        host.executor->renewLease(host.clock.bootTime() + 60'000,
                                  {{job.runId, job.attempt, job.leaseEpoch + 1}});
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT(!alive("86433"));
    }
    void aLeaseThatIsOverStartsNothing() {
        Host host;
        ClaimedRun job = host.job({"echo started"});
        job.leaseUntil = host.clock.bootTime() + 4000;
        host.executor->start(job);
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT_EQUAL(std::string("(no log)"), host.log(job.runId));
    }
    void aRestartedDaemonRenewsWhatItFindsAgain() {
        Host host;
        ClaimedRun job = host.job({"sleep 3; exit 4"});
        job.leaseUntil = host.clock.bootTime() + 7000;
        host.executor->start(job);
        host.listener.waitStarted(job.runId);
        host.restart();
        job.leaseUntil = host.clock.bootTime() + 60'000;
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::failed);
    }
    void theLastLeaseBeforeTheEndReachesTheLeader() {
        Host host;
        ClaimedRun job = host.job({"sleep 3; exit 5"});
        job.leaseUntil = host.clock.bootTime() + 7000;
        host.executor->start(job);
        host.listener.waitStarted(job.runId);
        host.executor->renewLease(host.clock.bootTime() + 60'000, {held(job)});
        host.stop();
        CPPUNIT_ASSERT(eventually(
            [&] { return ::access((host.attemptPath(job) + "/result.json").c_str(), F_OK) == 0; }));
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::failed);
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
