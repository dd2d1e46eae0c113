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
    CPPUNIT_TEST(aRestartedDaemonsLeaseReachesWhatItFindsAgain);
    CPPUNIT_TEST(theLastLeaseBeforeTheEndReachesTheLeader);
    CPPUNIT_TEST(withoutALeaseARunHasItsTimeoutOnly);
    CPPUNIT_TEST_SUITE_END();

    static bool alive(const std::string& seconds) {
        return !processesWith("sleep" + std::string(1, '\0') + seconds).empty();
    }
    static HeldRun held(const ClaimedRun& run) { return {run.runId, run.attempt, run.leaseEpoch}; }

    /// Runs begin under a lease that outlasts a slow start on a busy machine; setLease() then says what the
    /// test is about, to a leader that listens.
    static constexpr BootMillis kMinute = 60'000;

    static ClaimedRun startLeased(Host& host, std::vector<std::string> scripts, BootMillis leaseMillis) {
        ClaimedRun job = host.job(std::move(scripts));
        job.leaseUntil = host.clock.bootTime() + leaseMillis;
        host.executor->start(job);
        return job;
    }
    /// The same for a minute, and the run has begun.
    static ClaimedRun begin(Host& host, std::vector<std::string> scripts) {
        ClaimedRun job = startLeased(host, std::move(scripts), kMinute);
        host.listener.waitStarted(job.runId);
        return job;
    }
    /// The lease ends so many milliseconds from now, earlier or later than before; answers when that is.
    static BootMillis setLease(Host& host, const HeldRun& run, BootMillis leaseMillis) {
        const BootMillis until = host.clock.bootTime() + leaseMillis;
        host.executor->renewLease(until, {run});
        return until;
    }
    static void expectFoundAgainAndLost(Host& host, const ClaimedRun& job) {
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        host.listener.waitVanished(job.runId);
    }

    void aLeaseThatIsNotRenewedEndsAllOfTheRun() {
        Host host;
        const ClaimedRun job =
            begin(host, {"trap '' TERM; setsid sleep 86431 & echo up; sleep 86432", "touch second"});
        CPPUNIT_ASSERT(eventually([&] { return alive("86431") && alive("86432"); }));
        const BootMillis until = setLease(host, held(job), 5500);
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT(host.clock.bootTime() >= until - 5000);
        CPPUNIT_ASSERT(host.clock.bootTime() < until);
        CPPUNIT_ASSERT(!alive("86431") && !alive("86432"));
        CPPUNIT_ASSERT_EQUAL(0, host.listener.finishes(job.runId));
    }
    void aRenewedLeaseLetsTheRunGoOn() {
        Host host;
        const ClaimedRun job = begin(host, {"sleep 2; exit 3"});
        setLease(host, held(job), 6000);
        setLease(host, held(job), kMinute);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::failed);
    }
    void anotherEpochsLeaseIsNotOurs() {
        Host host;
        const ClaimedRun job = begin(host, {"sleep 86433"});
        setLease(host, {job.runId, job.attempt, job.leaseEpoch + 1}, 0);
        host.executor->cancel(job.runId); // reaches the leader after the lease, if that does
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::cancelled);
        CPPUNIT_ASSERT(!alive("86433"));
    }
    void aLeaseThatIsOverStartsNothing() {
        Host host;
        const ClaimedRun job = startLeased(host, {"echo started"}, 4000);
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT_EQUAL(std::string(), host.log(job.runId));
    }
    void aRestartedDaemonsLeaseReachesWhatItFindsAgain() {
        Host host;
        ClaimedRun job = begin(host, {"sleep 86437"});
        host.restart();
        job.leaseUntil = host.clock.bootTime();
        expectFoundAgainAndLost(host, job);
    }
    void theLastLeaseBeforeTheEndReachesTheLeader() {
        Host host;
        const ClaimedRun job = begin(host, {"sleep 86438"});
        setLease(host, held(job), 0);
        host.stop();
        CPPUNIT_ASSERT(eventually([&] { return host.hasResult(job); }));
        host.restart();
        expectFoundAgainAndLost(host, job);
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
