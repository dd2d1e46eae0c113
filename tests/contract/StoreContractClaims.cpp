#include "StoreFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

namespace usher {

/// Which runs are claimed, in what order, with what a node needs to start them.
class StoreContractClaims : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractClaims);
    CPPUNIT_TEST(aClaimedRunHasAllThatIsNeededToStartIt);
    CPPUNIT_TEST(runsOfAJobAreClaimedInOrder);
    CPPUNIT_TEST(largerPriorityGoesFirst);
    CPPUNIT_TEST(jobsTakeTurns);
    CPPUNIT_TEST(oneBacklogDoesNotBlockAnotherJob);
    CPPUNIT_TEST(pausedAndBusyJobsAreNotClaimed);
    CPPUNIT_TEST(fourClaimersNeverExceedAJobsLimit);
    CPPUNIT_TEST(theLimitHoldsWhileNewRunsGoFirst);
    CPPUNIT_TEST(aNodeFindsItsRunsAgain);
    CPPUNIT_TEST(aRunWithoutItsRevisionStillRuns);
    CPPUNIT_TEST(deletingAJobWhileItsRunsAreClaimed);
    CPPUNIT_TEST_SUITE_END();

    void aClaimedRunHasAllThatIsNeededToStartIt() {
        const Job job = newJobWithTests(12, [](JobSettings& s) { // enough that 10 and 2 can be mixed up
            s.timeoutSeconds = 77;
            s.retries = 2;
            s.parallelism = 3;
            s.network = true;
            s.onLost = OnLost::rerun;
        });
        CPPUNIT_ASSERT(!runs().anyClaimable());
        CPPUNIT_ASSERT(claim().empty());
        const std::string id =
            queue(job, [](NewRun& run) { run.parametersJson = R"({"BRANCH": "main", "N": "1"})"; });
        CPPUNIT_ASSERT(runs().anyClaimable());
        const auto claimed = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claimed.size());
        const ClaimedRun& run = claimed[0];
        CPPUNIT_ASSERT_EQUAL(id, run.runId);
        CPPUNIT_ASSERT_EQUAL(job.id, run.jobId);
        CPPUNIT_ASSERT_EQUAL(job.name, run.jobName);
        CPPUNIT_ASSERT_EQUAL(1, run.attempt);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, run.leaseEpoch);
        CPPUNIT_ASSERT_EQUAL(77, run.timeoutSeconds);
        CPPUNIT_ASSERT_EQUAL(2, run.retries);
        CPPUNIT_ASSERT_EQUAL(3, run.parallelism);
        CPPUNIT_ASSERT(run.network && run.onLost == OnLost::rerun && !run.cancelRequested && !run.startedAt);
        CPPUNIT_ASSERT(run.parameters == (Environment{{"BRANCH", "main"}, {"N", "1"}}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{12}, run.tests.size());
        CPPUNIT_ASSERT_EQUAL(std::string("shell"), run.tests[1].type);
        CPPUNIT_ASSERT_EQUAL(std::string("true"), run.tests[1].script);
        CPPUNIT_ASSERT_EQUAL(std::string("12"),
                             sql().value("SELECT count(*) FROM run_tests WHERE status = 'pending'"));
        const auto found = runs().findRun(id);
        for (int i = 0; i < 12; ++i) {
            CPPUNIT_ASSERT_EQUAL(i, run.tests.at(i).position);
            CPPUNIT_ASSERT_EQUAL(i, found->tests.at(i).position);
        }
        CPPUNIT_ASSERT(found->status == RunStatus::running);
        CPPUNIT_ASSERT_EQUAL(std::string("node-a"), found->nodeId);
        CPPUNIT_ASSERT_EQUAL(std::string("basic"), found->sandbox);
        CPPUNIT_ASSERT(claim().empty());
        CPPUNIT_ASSERT(runs().claim({"n", "basic", now(), now(), 0}).empty());
    }

    void runsOfAJobAreClaimedInOrder() {
        const Job job = newJobWithTests(1);
        std::vector<std::string> order;
        const Micros start = now();
        for (int i = 0; i < 8; ++i)
            order.push_back(queue(job, [&](NewRun& run) { run.queuedAt = start + i; }));
        for (const std::string& id : order) {
            const auto claimed = claim();
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claimed.size());
            CPPUNIT_ASSERT_EQUAL(id, claimed[0].runId);
            const RunOutcome outcome = outcomeOf(claimed[0]);
            CPPUNIT_ASSERT(runs().finish(std::span(&outcome, 1)).at(0));
        }
    }

    void largerPriorityGoesFirst() {
        std::map<std::string, int> priorities;
        for (int priority : {2, 9, 5, 0, 7}) {
            const Job job = newJobWithTests(1, [&](JobSettings& s) { s.priority = priority; });
            priorities[queue(job)] = priority;
        }
        const auto first = claim(2);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.size());
        CPPUNIT_ASSERT_EQUAL(9, priorities[first[0].runId]);
        CPPUNIT_ASSERT_EQUAL(7, priorities[first[1].runId]);
        const auto rest = claim();
        CPPUNIT_ASSERT_EQUAL(5, priorities[rest.at(0).runId]);
        CPPUNIT_ASSERT_EQUAL(0, priorities[rest.at(2).runId]);
    }

    void jobsTakeTurns() {
        std::vector<Job> all;
        for (int i = 0; i < 3; ++i)
            all.push_back(newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 100; }));
        for (const Job& job : all)
            for (int i = 0; i < 4; ++i) queue(job);
        std::vector<std::string> turns;
        for (int i = 0; i < 12; ++i) turns.push_back(claim(1).at(0).jobId);
        for (std::size_t round = 0; round < 4; ++round)
            CPPUNIT_ASSERT_EQUAL(std::size_t{3},
                                 std::set<std::string>(turns.begin() + static_cast<long>(round * 3),
                                                       turns.begin() + static_cast<long>(round * 3 + 3))
                                     .size());
        // And within one claim.
        for (const Job& job : all)
            for (int i = 0; i < 4; ++i) queue(job);
        const auto together = claim(6);
        CPPUNIT_ASSERT_EQUAL(std::size_t{6}, together.size());
        for (std::size_t i = 0; i < 6; ++i) CPPUNIT_ASSERT_EQUAL(turns[i], together[i].jobId);
    }

    void oneBacklogDoesNotBlockAnotherJob() {
        const Job busy = newJobWithTests(1), quiet = newJobWithTests(1);
        for (int i = 0; i < 300; ++i) queue(busy);
        CPPUNIT_ASSERT_EQUAL(busy.id, claim(5).at(0).jobId);
        CPPUNIT_ASSERT(claim(5).empty());
        const std::string id = queue(quiet);
        CPPUNIT_ASSERT(runs().anyClaimable());
        CPPUNIT_ASSERT_EQUAL(id, claim(1).at(0).runId);
        CPPUNIT_ASSERT(!runs().anyClaimable());
    }

    void pausedAndBusyJobsAreNotClaimed() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 2; });
        for (int i = 0; i < 5; ++i) queue(job);
        JobSettings paused = job;
        paused.paused = true;
        changeJob(job.id, paused);
        CPPUNIT_ASSERT(!runs().anyClaimable());
        CPPUNIT_ASSERT(claim().empty());
        changeJob(job.id, job);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claim().size());
        CPPUNIT_ASSERT(claim().empty());
        CPPUNIT_ASSERT(!runs().anyClaimable());
    }

    void fourClaimersNeverExceedAJobsLimit() {
        std::map<std::string, int> limits;
        for (int limit : {1, 2, 3}) {
            const Job job = newJobWithTests(1, [&](JobSettings& s) { s.maxConcurrency = limit; });
            limits[job.id] = limit;
            for (int i = 0; i < 30; ++i) queue(job);
        }
        const auto second = openAgain();
        std::mutex mutex;
        std::map<std::string, int> running;
        std::set<std::string> seen;
        std::atomic<int> finished{0};
        inParallel(4, [&](int thread) {
            RunStore& store = thread % 2 ? second->runs() : runs();
            for (int round = 0; round < 2000 && finished < 90; ++round) {
                const auto claimed = store.claim({"n" + std::to_string(thread), "basic", now(), now(), 2});
                {
                    std::lock_guard lock(mutex);
                    for (const ClaimedRun& run : claimed) {
                        CPPUNIT_ASSERT(seen.insert(run.runId).second);
                        CPPUNIT_ASSERT(++running[run.jobId] <= limits[run.jobId]);
                    }
                }
                // Held for a moment, or two that together hold too many would hardly ever meet.
                std::this_thread::sleep_for(std::chrono::milliseconds(3));
                std::vector<RunOutcome> outcomes;
                for (const ClaimedRun& run : claimed) outcomes.push_back(outcomeOf(run));
                {
                    // Before the commit: the next claim may come right behind it.
                    std::lock_guard lock(mutex);
                    for (const ClaimedRun& run : claimed) --running[run.jobId];
                }
                for (bool ours : store.finish(outcomes)) finished += ours;
            }
        });
        CPPUNIT_ASSERT_EQUAL(90, finished.load());
        CPPUNIT_ASSERT_EQUAL(std::string("90"),
                             sql().value("SELECT count(*) FROM runs WHERE status = 'passed'"));
    }

    /// Each new run goes before those that wait: claimers that look at different moments want different runs.
    void theLimitHoldsWhileNewRunsGoFirst() {
        constexpr int kRuns = 300;
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 1; });
        const auto second = openAgain();
        const Micros start = now();
        std::atomic<int> running{0}, most{0}, finished{0};
        inParallel(4, [&](int thread) {
            if (thread == 0) {
                for (int i = 0; i < kRuns; ++i) queue(job, [&](NewRun& run) { run.queuedAt = start - i; });
                return;
            }
            RunStore& store = thread % 2 ? second->runs() : runs();
            for (int round = 0; round < 20'000 && finished < kRuns; ++round) {
                const auto claimed = store.claim({"n" + std::to_string(thread), "basic", now(), now(), 2});
                if (claimed.empty()) continue;
                const int together = running += static_cast<int>(claimed.size());
                if (together > most) most = together;
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                std::vector<RunOutcome> outcomes;
                for (const ClaimedRun& run : claimed) outcomes.push_back(outcomeOf(run));
                running -= static_cast<int>(
                    claimed.size()); // before the commit: the next claim may come right behind it
                for (bool ours : store.finish(outcomes)) finished += ours;
            }
        });
        CPPUNIT_ASSERT_EQUAL(kRuns, finished.load());
        CPPUNIT_ASSERT_EQUAL(1, most.load());
    }

    void aNodeFindsItsRunsAgain() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 5; });
        for (int i = 0; i < 3; ++i) queue(job);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claim(2, "node-a").size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(2, "node-b").size());
        const auto held = runs().runsHeldBy("node-a");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, held.size());
        CPPUNIT_ASSERT_EQUAL(std::string("true"), held[0].tests.at(0).script);
        const RunOutcome outcome = outcomeOf(held[0]);
        CPPUNIT_ASSERT(runs().finish(std::span(&outcome, 1)).at(0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runs().runsHeldBy("node-a").size());
        CPPUNIT_ASSERT(runs().runsHeldBy("'; --").empty());
    }

    void aRunWithoutItsRevisionStillRuns() {
        const Job job = newJobWithTests(2);
        sql().run("INSERT INTO runs (job_id, revision) SELECT id, 1 FROM jobs");
        const auto claimed = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claimed.at(0).tests.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, runs().findRun(claimed[0].runId)->tests.size());
    }

    void deletingAJobWhileItsRunsAreClaimed() {
        for (int round = 0; round < 5; ++round) {
            const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 100; });
            for (int i = 0; i < 20; ++i) queue(job);
            inParallel(3, [&](int thread) {
                if (thread == 2) {
                    jobs().deleteJob(job.id);
                    return;
                }
                for (int i = 0; i < 10; ++i) {
                    std::vector<RunOutcome> outcomes;
                    for (const ClaimedRun& run : claim(2)) outcomes.push_back(outcomeOf(run));
                    runs().finish(outcomes);
                }
            });
            CPPUNIT_ASSERT(!jobs().findJob(job.id));
            CPPUNIT_ASSERT_EQUAL(std::string("0"), sql().value("SELECT count(*) FROM runs"));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractClaims);

} // namespace usher
