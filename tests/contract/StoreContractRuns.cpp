#include "StoreFixture.h"

#include "base/Uuid.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <atomic>

namespace usher {

/// A run on its way: retries, late writers, lost nodes, cancellation, results, lists.
class StoreContractRuns : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractRuns);
    CPPUNIT_TEST(aRunGoesItsWay);
    CPPUNIT_TEST(aStartMayBeToldWithTheEnd);
    CPPUNIT_TEST(whoHoldsAJobHoldsUpNoOther);
    CPPUNIT_TEST(aLateWriterChangesNothing);
    CPPUNIT_TEST(aRetryWaitsBehindTheOthers);
    CPPUNIT_TEST(aRetryIsGuarded);
    CPPUNIT_TEST(finishAnswersEachRow);
    CPPUNIT_TEST(aLostRunIsRequeuedOrLostByPolicy);
    CPPUNIT_TEST(cancellingEndsQueuedRunsAndAsksRunningOnes);
    CPPUNIT_TEST(aRunThatWasDeletedWithItsJobIsToEnd);
    CPPUNIT_TEST(runsThatWereDeletedAreTold);
    CPPUNIT_TEST(cancelRacingWithClaimEndsInOneState);
    CPPUNIT_TEST(runsAreListedNewestFirst);
    CPPUNIT_TEST(resultsComeBackToTheLetter);
    CPPUNIT_TEST_SUITE_END();

    std::string status(const std::string& id) { return std::string(toText(runs().findRun(id)->status)); }

    void aRunGoesItsWay() {
        const Job job = newJobWithTests(2);
        const std::string id = queue(job);
        const ClaimedRun run = claim().at(0);
        const Micros started = now();
        CPPUNIT_ASSERT(runs().recordStarted(run, "basic (cgroup)", started));
        RunTest test;
        test.position = 1;
        test.status = TestStatus::running;
        test.startedAt = started;
        CPPUNIT_ASSERT(runs().recordTest(run, test));
        auto found = runs().findRun(id);
        CPPUNIT_ASSERT(found->tests.at(1).status == TestStatus::running);
        CPPUNIT_ASSERT(found->tests.at(0).status == TestStatus::pending);
        CPPUNIT_ASSERT_EQUAL(std::string("test 1"), found->tests[1].title);
        CPPUNIT_ASSERT_EQUAL(started, found->startedAt.value_or(0));
        CPPUNIT_ASSERT_EQUAL(std::string("basic (cgroup)"), found->sandbox);
        RunOutcome outcome = outcomeOf(run, RunStatus::failed);
        outcome.exitCode = 3;
        outcome.errorDetails = "test 1 said no";
        outcome.tests[1].status = TestStatus::failed;
        outcome.tests[1].exitCode = 3;
        outcome.tests[1].truncated = true;
        CPPUNIT_ASSERT(runs().finish(std::span(&outcome, 1)).at(0));
        found = runs().findRun(id);
        CPPUNIT_ASSERT(found->status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(3, found->exitCode.value_or(0));
        CPPUNIT_ASSERT(!found->signal);
        CPPUNIT_ASSERT_EQUAL(outcome.errorDetails, found->errorDetails);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{750}, found->durationMs.value_or(0));
        CPPUNIT_ASSERT_EQUAL(outcome.completedAt, found->completedAt.value_or(0));
        CPPUNIT_ASSERT(found->tests[1].status == TestStatus::failed && found->tests[1].truncated);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, found->tests[0].outputBytes);
        std::string timeline;
        for (const RunEvent& event : found->timeline) timeline += event.type + " ";
        CPPUNIT_ASSERT_EQUAL(std::string("queued claimed started failed "), timeline);
        CPPUNIT_ASSERT_EQUAL(std::string("node-a"), found->timeline[3].nodeId);
        runs().noteLastRuns({{job.id, 1700}, {createUuid(), 1}});
        runs().noteLastRuns({{job.id, 1600}});
        CPPUNIT_ASSERT_EQUAL(Micros{1700}, jobs().findJob(job.id)->lastRunAt.value_or(0));
        CPPUNIT_ASSERT_EQUAL(job.revision, jobs().findJob(job.id)->revision);
        CPPUNIT_ASSERT(!runs().findRun(createUuid()));
    }

    void aStartMayBeToldWithTheEnd() {
        std::vector<RunOutcome> outcomes;
        for (int i = 0; i < 3; ++i) {
            queue(newJobWithTests(1));
            outcomes.push_back(outcomeOf(claim().at(0)));
            outcomes.back().startedAt = 1000 + i;
            outcomes.back().sandbox = "basic (uid)";
            outcomes.back().startUntold = i != 1;
        }
        outcomes[2].attempt += 1; // not ours: nothing of it is told
        CPPUNIT_ASSERT(runs().finish(outcomes) == std::vector<bool>({true, true, false}));
        const char* const expected[] = {"queued claimed started passed ", "queued claimed passed ",
                                        "queued claimed "};
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            std::string timeline;
            const auto found = runs().findRun(outcomes[i].runId);
            for (const RunEvent& event : found->timeline) {
                timeline += event.type + " ";
                if (event.type != "started") continue;
                CPPUNIT_ASSERT_EQUAL(outcomes[i].startedAt, event.at);
                CPPUNIT_ASSERT_EQUAL(outcomes[i].sandbox, event.detail);
            }
            CPPUNIT_ASSERT_EQUAL(std::string(expected[i]), timeline);
        }
    }

    void whoHoldsAJobHoldsUpNoOther() {
        if (!onPostgres()) return; // SQLite has one writer at a time
        const Job held = newJobWithTests(1), free = newJobWithTests(1);
        sql().run("BEGIN; SELECT 1 FROM jobs WHERE id = '" + held.id + "' FOR UPDATE");
        const Instant begin = std::chrono::steady_clock::now();
        const auto left = runs().noteLastRuns({{held.id, 5}, {free.id, 6}, {createUuid(), 7}});
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin <
                       std::chrono::seconds(1)); // lock_timeout: 1.5 s
        CPPUNIT_ASSERT(left == std::vector<std::string>{held.id});
        CPPUNIT_ASSERT_EQUAL(Micros{6}, jobs().findJob(free.id)->lastRunAt.value_or(0));
        sql().run("ROLLBACK");
        CPPUNIT_ASSERT(runs().noteLastRuns({{held.id, 5}}).empty());
        CPPUNIT_ASSERT_EQUAL(Micros{5}, jobs().findJob(held.id)->lastRunAt.value_or(0));
    }

    void aRetryWaitsBehindTheOthers() {
        const Job job = newJobWithTests(1);
        const std::string id = queue(job);
        const Micros queuedAt = runs().findRun(id)->queuedAt;
        RunOutcome failed = outcomeOf(claim().at(0), RunStatus::failed);
        failed.exitCode = 3;
        CPPUNIT_ASSERT(runs().retry(failed, std::chrono::hours(1)));
        CPPUNIT_ASSERT(!runs().anyClaimable());
        CPPUNIT_ASSERT(claim().empty());
        const std::string next = queue(job); // triggered later, and due
        CPPUNIT_ASSERT(runs().anyClaimable());
        const ClaimedRun other = claim().at(0);
        CPPUNIT_ASSERT_EQUAL(next, other.runId);
        const RunOutcome end = outcomeOf(other);
        runs().finish(std::span(&end, 1));
        auto found = runs().findRun(id);
        CPPUNIT_ASSERT(found->status == RunStatus::queued);
        CPPUNIT_ASSERT_EQUAL(2, found->attempt);
        CPPUNIT_ASSERT_EQUAL(queuedAt, found->queuedAt); // as it was triggered
        CPPUNIT_ASSERT(!found->startedAt && found->tests.at(0).status == TestStatus::pending);
        sql().run("UPDATE runs SET queued_at = " + std::to_string(now() - 1) + " WHERE first_queued_at > 0");
        const ClaimedRun again = claim().at(0);
        CPPUNIT_ASSERT_EQUAL(2, again.attempt);
        const RunOutcome passed = outcomeOf(again);
        CPPUNIT_ASSERT(runs().finish(std::span(&passed, 1)).at(0));
        found = runs().findRun(id);
        std::string timeline;
        for (const RunEvent& event : found->timeline)
            timeline += event.type + std::to_string(event.attempt) + " ";
        CPPUNIT_ASSERT_EQUAL(std::string("queued1 claimed1 failed1 requeued1 claimed2 passed2 "), timeline);
        CPPUNIT_ASSERT_EQUAL(std::string("exit code 3"), found->timeline[2].detail);
    }

    void aRetryIsGuarded() {
        const Job job = newJobWithTests(1);
        const std::string id = queue(job);
        const RunOutcome failed = outcomeOf(claim().at(0), RunStatus::failed);
        RunOutcome wrongEpoch = failed, wrongAttempt = failed;
        wrongEpoch.leaseEpoch -= 1;
        wrongAttempt.attempt += 1;
        CPPUNIT_ASSERT(!runs().retry(wrongEpoch, std::chrono::milliseconds(0)));
        CPPUNIT_ASSERT(!runs().retry(wrongAttempt, std::chrono::milliseconds(0)));
        CPPUNIT_ASSERT(runs().retry(failed, std::chrono::milliseconds(0)));
        CPPUNIT_ASSERT(!runs().retry(failed, std::chrono::milliseconds(0)));
        CPPUNIT_ASSERT(!runs().finish(std::span(&failed, 1)).at(0));
        const RunOutcome second = outcomeOf(claim().at(0), RunStatus::failed);
        CPPUNIT_ASSERT(runs().requestCancel(id, "user:1", now()) == RunStore::Cancel::requested);
        CPPUNIT_ASSERT(!runs().retry(second, std::chrono::milliseconds(0))); // nobody wants it any more
        CPPUNIT_ASSERT(runs().finish(std::span(&second, 1)).at(0));
        CPPUNIT_ASSERT_EQUAL(2, runs().findRun(id)->attempt);
    }

    void aLateWriterChangesNothing() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.onLost = OnLost::rerun; });
        const std::string id = queue(job);
        const ClaimedRun late = claim().at(0);
        CPPUNIT_ASSERT(runs().giveUp(late, "node gone", now()) == RunStatus::queued);
        const ClaimedRun current = claim(1, "node-b").at(0);
        CPPUNIT_ASSERT_EQUAL(2, current.attempt);
        CPPUNIT_ASSERT(current.leaseEpoch > late.leaseEpoch);
        RunTest test;
        test.status = TestStatus::failed;
        ClaimedRun wrongEpoch = current, wrongAttempt = current;
        wrongEpoch.leaseEpoch -= 1;
        wrongAttempt.attempt += 1;
        for (const ClaimedRun& stale : {late, wrongEpoch, wrongAttempt}) {
            CPPUNIT_ASSERT(!runs().recordStarted(stale, "x", now()));
            CPPUNIT_ASSERT(!runs().recordTest(stale, test));
            const RunOutcome outcome = outcomeOf(stale, RunStatus::failed);
            CPPUNIT_ASSERT(!runs().finish(std::span(&outcome, 1)).at(0));
            CPPUNIT_ASSERT(runs().giveUp(stale, "x", now()) == RunStatus::running);
        }
        const auto found = runs().findRun(id);
        CPPUNIT_ASSERT(found->status == RunStatus::running && !found->startedAt);
        CPPUNIT_ASSERT(found->tests.at(0).status == TestStatus::pending);
        const RunOutcome outcome = outcomeOf(current);
        std::vector<RunOutcome> batch{outcomeOf(late, RunStatus::failed), outcome,
                                      outcomeOf(wrongEpoch, RunStatus::failed)};
        batch[0].tests.at(0).status = batch[2].tests.at(0).status = TestStatus::failed;
        CPPUNIT_ASSERT(runs().finish(batch) == std::vector<bool>({false, true, false}));
        CPPUNIT_ASSERT(runs().findRun(id)->tests.at(0).status == outcome.tests.at(0).status);
        CPPUNIT_ASSERT(!runs().finish(std::span(&outcome, 1)).at(0));
        CPPUNIT_ASSERT(!runs().recordTest(current, test));
        CPPUNIT_ASSERT(runs().giveUp(current, "x", now()) == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), status(id));
    }

    void finishAnswersEachRow() {
        const Job job = newJobWithTests(2, [](JobSettings& s) { s.maxConcurrency = 50; });
        for (int i = 0; i < 20; ++i) queue(job);
        std::vector<RunOutcome> outcomes;
        for (const ClaimedRun& run : claim(20)) outcomes.push_back(outcomeOf(run));
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, outcomes.size());
        outcomes[3].leaseEpoch += 1;
        outcomes[7].runId = createUuid();
        outcomes.push_back(outcomes[0]);
        const auto ours = runs().finish(outcomes);
        for (std::size_t i = 0; i < 21; ++i)
            CPPUNIT_ASSERT_EQUAL(i != 3 && i != 7 && i != 20, bool(ours.at(i)));
        CPPUNIT_ASSERT_EQUAL(std::string("18"),
                             sql().value("SELECT count(*) FROM runs WHERE status = 'passed'"));
        CPPUNIT_ASSERT_EQUAL(std::string("36"),
                             sql().value("SELECT count(*) FROM run_tests WHERE status = 'passed'"));
        CPPUNIT_ASSERT_EQUAL(std::string("18"),
                             sql().value("SELECT count(*) FROM run_events WHERE type = 'passed'"));
        CPPUNIT_ASSERT(runs().finish({}).empty());
    }

    void aLostRunIsRequeuedOrLostByPolicy() {
        const Job fail = newJobWithTests(3),
                  rerun = newJobWithTests(1, [](JobSettings&s) { s.onLost = OnLost::rerun; });
        const std::string lost = queue(fail);
        const ClaimedRun held = claim().at(0);
        RunTest seen;
        seen.status = TestStatus::passed;
        CPPUNIT_ASSERT(runs().recordTest(held, seen));
        seen.position = 1, seen.status = TestStatus::running;
        CPPUNIT_ASSERT(runs().recordTest(held, seen));
        CPPUNIT_ASSERT(runs().giveUp(held, "its node is gone", now()) == RunStatus::lost);
        const auto tests = runs().findRun(lost)->tests;
        CPPUNIT_ASSERT(tests.at(0).status == TestStatus::passed && tests.at(1).status == TestStatus::error &&
                       tests.at(2).status == TestStatus::skipped);
        CPPUNIT_ASSERT_EQUAL(std::string("lost"), status(lost));
        CPPUNIT_ASSERT_EQUAL(std::string("its node is gone"), runs().findRun(lost)->errorDetails);
        const std::string again = queue(rerun);
        const std::string behind = queue(rerun);
        const ClaimedRun first = claim().at(0);
        runs().recordStarted(first, "basic", now());
        RunTest test;
        test.status = TestStatus::passed;
        CPPUNIT_ASSERT(runs().recordTest(first, test));
        CPPUNIT_ASSERT(runs().giveUp(first, "its node is gone", now()) == RunStatus::queued);
        auto found = runs().findRun(again);
        CPPUNIT_ASSERT(found->status == RunStatus::queued && found->nodeId.empty() && !found->startedAt);
        CPPUNIT_ASSERT_EQUAL(2, found->attempt);
        CPPUNIT_ASSERT_EQUAL(std::string("requeued"), found->timeline.back().type);
        const ClaimedRun next = claim().at(0);
        CPPUNIT_ASSERT_EQUAL(again, next.runId); // before the one that came later
        CPPUNIT_ASSERT(runs().findRun(again)->tests.at(0).status == TestStatus::pending);
        // Who asked to cancel does not want it run again.
        CPPUNIT_ASSERT(runs().requestCancel(again, "user", now()) == RunStore::Cancel::requested);
        CPPUNIT_ASSERT(runs().giveUp(next, "gone", now()) == RunStatus::cancelled);
    }

    void cancellingEndsQueuedRunsAndAsksRunningOnes() {
        const Job job = newJobWithTests(1);
        const std::string running = queue(job), queued = queue(job);
        const ClaimedRun run = claim().at(0);
        CPPUNIT_ASSERT(runs().requestCancel(queued, "Ann", now()) == RunStore::Cancel::cancelled);
        CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), status(queued));
        CPPUNIT_ASSERT(runs().findRun(queued)->completedAt.has_value());
        CPPUNIT_ASSERT(runs().requestCancel(queued, "Ann", now()) == RunStore::Cancel::alreadyEnded);
        CPPUNIT_ASSERT(runs().runsToEnd(std::span(&running, 1)).empty());
        CPPUNIT_ASSERT(runs().requestCancel(running, "Ann", now()) == RunStore::Cancel::requested);
        CPPUNIT_ASSERT(runs().requestCancel(running, "Ben", now()) == RunStore::Cancel::requested);
        const std::vector<std::string> asked{queued, running};
        CPPUNIT_ASSERT(runs().runsToEnd(asked) == std::vector<std::string>{running});
        CPPUNIT_ASSERT(runs().findRun(running)->cancelRequested);
        CPPUNIT_ASSERT(runs().runsHeldBy("node-a").at(0).cancelRequested);
        const RunOutcome outcome = outcomeOf(run, RunStatus::cancelled);
        CPPUNIT_ASSERT(runs().finish(std::span(&outcome, 1)).at(0));
        CPPUNIT_ASSERT(runs().runsToEnd(asked).empty());
        CPPUNIT_ASSERT(runs().requestCancel(createUuid(), "x", now()) == RunStore::Cancel::notFound);
        std::string timeline;
        const auto found = runs().findRun(running);
        for (const RunEvent& event : found->timeline) timeline += event.type + " ";
        CPPUNIT_ASSERT_EQUAL(std::string("queued claimed cancel-requested cancelled "), timeline);
    }

    void aRunThatWasDeletedWithItsJobIsToEnd() {
        const Job job = newJobWithTests(1), other = newJobWithTests(1);
        const std::string gone = queue(job), stays = queue(other);
        const std::vector<ClaimedRun> held = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, held.size());
        const std::vector<std::string> asked{gone, stays};
        CPPUNIT_ASSERT(runs().runsToEnd(asked).empty());
        CPPUNIT_ASSERT(jobs().deleteJob(job.id));
        CPPUNIT_ASSERT(runs().runsToEnd(asked) == std::vector<std::string>{gone});
        // Nothing of it can be stored any more, and nobody minds.
        const ClaimedRun& run = held.at(held.at(0).runId == gone ? 0 : 1);
        CPPUNIT_ASSERT(!runs().recordStarted(run, "none", now()));
        CPPUNIT_ASSERT(!runs().recordTest(run, RunTest{}));
        CPPUNIT_ASSERT(!runs().retry(outcomeOf(run, RunStatus::failed), std::chrono::milliseconds(1)));
        const RunOutcome outcome = outcomeOf(run, RunStatus::cancelled);
        CPPUNIT_ASSERT(!runs().finish(std::span(&outcome, 1)).at(0));
        runs().giveUp(run, "gone", now());
        CPPUNIT_ASSERT(!runs().findRun(gone));
    }

    void runsThatWereDeletedAreTold() {
        const Job job = newJobWithTests(1);
        const std::string there = queue(job), ended = queue(job), gone = createUuid(), other = createUuid();
        runs().requestCancel(ended, "Ann", now());
        // Nobody knows whose runs these are: one of before this database, one whose id does not tell when.
        const std::string old = "00000000-0001-7000-8000-000000000001";
        const std::string foreign = "2f1f0d3a-0000-4000-8000-000000000000";
        const std::vector<std::string> asked{there, gone, old, ended, foreign, other};
        CPPUNIT_ASSERT((db().retention().deletedOf(asked) == std::vector<std::string>{gone, other}));
        CPPUNIT_ASSERT(db().retention().deletedOf({}).empty());
    }

    void cancelRacingWithClaimEndsInOneState() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 1000; });
        std::vector<std::string> ids;
        for (int i = 0; i < 60; ++i) ids.push_back(queue(job));
        std::atomic<int> claimedCount{0}, cancelled{0}, requested{0};
        inParallel(4, [&](int thread) {
            if (thread < 2) {
                for (int i = 0; i < 30; ++i) claimedCount += static_cast<int>(claim(2).size());
                return;
            }
            for (std::size_t i = static_cast<std::size_t>(thread - 2); i < ids.size(); i += 2) {
                const auto result = runs().requestCancel(ids[ids.size() - 1 - i], "x", now());
                cancelled += result == RunStore::Cancel::cancelled;
                requested += result == RunStore::Cancel::requested;
            }
        });
        CPPUNIT_ASSERT_EQUAL(60, cancelled + requested);
        CPPUNIT_ASSERT_EQUAL(std::to_string(cancelled.load()),
                             sql().value("SELECT count(*) FROM runs WHERE status = 'cancelled'"));
        CPPUNIT_ASSERT_EQUAL(60, claimedCount + cancelled);
    }

    void runsAreListedNewestFirst() {
        const Job a = newJobWithTests(1), b = newJobWithTests(1);
        std::vector<std::string> ids;
        for (int i = 0; i < 23; ++i) ids.push_back(queue(i % 2 ? a : b));
        std::sort(ids.rbegin(), ids.rend());
        RunFilter filter;
        filter.page.limit = 10;
        std::vector<std::string> listed;
        for (int page = 0; page < 5; ++page) {
            const Page<Run> found = runs().listRuns(filter);
            for (const Run& run : found.items) listed.push_back(run.id);
            filter.page.cursor = found.nextCursor;
            if (filter.page.cursor.empty()) break;
        }
        CPPUNIT_ASSERT(listed == ids);
        filter = {};
        filter.jobId = a.id;
        CPPUNIT_ASSERT_EQUAL(std::size_t{11}, runs().listRuns(filter).items.size());
        claim();
        filter.status = RunStatus::running;
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runs().listRuns(filter).items.size());
        filter.principalId = "nobody";
        CPPUNIT_ASSERT(runs().listRuns(filter).items.empty());
    }

    void resultsComeBackToTheLetter() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 50; });
        for (const std::string text :
             {"'; DROP TABLE runs; --", "{\"a\"} \\ NULL", "\xF0\x9F\x9A\x80\n\t", "NULL", ""}) {
            queue(job);
            const ClaimedRun run = claim(1).at(0);
            RunOutcome outcome = outcomeOf(run, RunStatus::error);
            outcome.errorDetails = outcome.sandbox = text;
            outcome.exitCode = std::nullopt;
            outcome.signal = 9;
            outcome.tests[0].errorDetails = text;
            outcome.tests[0].casesJson = R"([{"name":"a \" \\ {b}, \u00e9","status":"failed"}])";
            outcome.tests[0].durationMs = std::nullopt;
            CPPUNIT_ASSERT(runs().recordTest(run, outcome.tests[0]));
            CPPUNIT_ASSERT_EQUAL(text, runs().findRun(run.runId)->tests.at(0).errorDetails);
            CPPUNIT_ASSERT(runs().finish(std::span(&outcome, 1)).at(0));
            const auto found = runs().findRun(run.runId);
            CPPUNIT_ASSERT_EQUAL(text, found->errorDetails);
            CPPUNIT_ASSERT_EQUAL(text, found->sandbox);
            CPPUNIT_ASSERT_EQUAL(text, found->tests.at(0).errorDetails);
            CPPUNIT_ASSERT_EQUAL(outcome.tests[0].casesJson, found->tests[0].casesJson);
            CPPUNIT_ASSERT(!found->exitCode && found->signal == 9 && !found->tests[0].durationMs);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractRuns);

} // namespace usher
