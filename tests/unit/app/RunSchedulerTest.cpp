#include "app/RunScheduler.h"
#include "domain/Errors.h"

#include <cppunit/extensions/HelperMacros.h>

#include <mutex>
#include <set>

using namespace usher;
using namespace std::chrono_literals;

namespace {

/// Gives out what a test put into its queue, and writes down what it is told, in words.
class ScriptedRuns final : public RunStore {
public:
    std::vector<ClaimedRun> claim(const ClaimRequest& request) override {
        std::lock_guard lock(mutex);
        if (away) throw StorageUnavailable("away");
        std::vector<ClaimedRun> out;
        while (!queue.empty() && static_cast<int>(out.size()) < request.maxRuns) {
            out.push_back(queue.front());
            queue.pop_front();
        }
        return out;
    }
    bool anyClaimable() override { return !queue.empty(); }
    std::vector<ClaimedRun> runsHeldBy(const std::string&) override { return {}; }
    bool recordStarted(const ClaimedRun& run, const std::string&, Micros) override {
        return note("started " + run.runId);
    }
    bool recordTest(const ClaimedRun& run, const RunTest& test) override {
        return note("test " + run.runId + " " + std::string(toText(test.status)));
    }
    std::vector<bool> finish(std::span<const RunOutcome> outcomes) override {
        std::string line = "finish";
        for (const RunOutcome& one : outcomes) line += " " + one.runId + (one.startUntold ? "+start" : "");
        note(line);
        return std::vector<bool>(outcomes.size(), true);
    }
    std::vector<std::string> noteLastRuns(const std::map<std::string, Micros>& runs) override {
        std::string line = "last";
        for (const auto& [job, at] : runs) line += " " + job + "=" + std::to_string(at);
        note(line);
        std::lock_guard lock(mutex);
        std::vector<std::string> still;
        for (const auto& [job, at] : runs)
            if (held.contains(job)) still.push_back(job);
        return still;
    }
    bool retry(const RunOutcome& outcome, std::chrono::milliseconds) override {
        return note("retry " + outcome.runId);
    }
    RunStatus giveUp(const ClaimedRun& run, const std::string&, Micros) override {
        note("giveUp " + run.runId);
        return RunStatus::lost;
    }
    Cancel requestCancel(const std::string&, const std::string&, Micros) override { return Cancel::notFound; }
    std::vector<std::string> runsToEnd(std::span<const std::string>) override { return {}; }
    Page<Run> listRuns(const RunFilter&) override { return {}; }
    std::optional<Run> findRun(const std::string&) override { return {}; }

    bool note(const std::string& line) {
        std::lock_guard lock(mutex);
        if (away) throw StorageUnavailable("away");
        told.push_back(line);
        return true;
    }
    /// Jobs whose rows somebody else holds.
    void hold(std::set<std::string> jobs) {
        std::lock_guard lock(mutex);
        held = std::move(jobs);
    }
    /// What it was told, "last …" left out.
    std::vector<std::string> steps() {
        std::lock_guard lock(mutex);
        std::vector<std::string> out;
        for (const std::string& line : told)
            if (line.rfind("last", 0) != 0) out.push_back(line);
        return out;
    }
    int count(const std::string& beginning) {
        std::lock_guard lock(mutex);
        return static_cast<int>(std::count_if(told.begin(), told.end(), [&](const std::string& line) {
            return line.rfind(beginning, 0) == 0;
        }));
    }

    std::mutex mutex;
    std::deque<ClaimedRun> queue;
    std::vector<std::string> told;
    std::set<std::string> held;
    std::atomic<bool> away{false};
};

class HandExecutor final : public Executor {
public:
    void start(const ClaimedRun& run) override {
        std::lock_guard lock(mutex);
        runs.push_back(run);
    }
    Recovery recover(const ClaimedRun&) override { return Recovery::gone; }
    void cancel(const std::string&) override {}
    std::string sandbox() const override { return "none"; }
    std::string problem() const override { return down ? "there is no launcher" : ""; }
    std::size_t started() {
        std::lock_guard lock(mutex);
        return runs.size();
    }
    ClaimedRun run(std::size_t i) {
        std::lock_guard lock(mutex);
        return runs.at(i);
    }

    std::mutex mutex;
    std::vector<ClaimedRun> runs;
    std::atomic<bool> down{false};
};

/// Nothing waits, nothing is known.
class NoTriggers final : public TriggerStore {
public:
    std::vector<std::optional<TriggerView>> viewJobs(std::span<const std::string> ids, Instant) override {
        return std::vector<std::optional<TriggerView>>(ids.size());
    }
    std::vector<std::optional<Replay>> findReplays(std::span<const IdempotencyKey> keys, Micros,
                                                   Instant) override {
        return std::vector<std::optional<Replay>>(keys.size());
    }
    std::vector<Inserted> insertRuns(std::span<const NewRun>, Instant) override { return {}; }
    std::vector<std::int64_t> countQueued(std::span<const std::string> ids, std::span<const int>,
                                          Instant) override {
        return std::vector<std::int64_t>(ids.size());
    }
    std::int64_t countAllQueued(std::int64_t, Instant) override { return 0; }
};

template <class Ready>
bool eventually(Ready ready) {
    for (int i = 0; i < 2000; ++i) {
        if (ready()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

using Lines = std::vector<std::string>;

} // namespace

/// What reaches the database, in which order and how often.
class RunSchedulerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RunSchedulerTest);
    CPPUNIT_TEST(onANodeWithRoomAStartIsToldAtOnce);
    CPPUNIT_TEST(onAFullNodeAShortRunsStartIsToldWithItsEnd);
    CPPUNIT_TEST(aLongerRunsStartIsToldSoonAllTheSame);
    CPPUNIT_TEST(stepsComeBeforeTheEndThatIsNotStoredWithThem);
    CPPUNIT_TEST(anEndMakesRoomForTheNextRun);
    CPPUNIT_TEST(anAttemptThatWasTakenAwayDoesNotFreeTheNextOnesPlace);
    CPPUNIT_TEST(whatCannotBeStartedIsNotClaimed);
    CPPUNIT_TEST(whoStopsClaimsNothingWhateverABeatSays);
    CPPUNIT_TEST(whileTheDatabaseIsAwayNothingIsLost);
    CPPUNIT_TEST(whenJobsRanLastIsNotedOnceASecond);
    CPPUNIT_TEST_SUITE_END();

    struct Node {
        explicit Node(int capacity, int runs, int retries = 0) {
            for (int i = 0; i < runs; ++i) {
                ClaimedRun run;
                run.runId = "run-" + std::to_string(i);
                run.jobId = "job-" + std::to_string(i);
                run.retries = retries;
                run.tests.push_back({0, "t", "one", "shell", "true", true});
                run.tests.push_back({1, "u", "two", "shell", "true", true});
                store.queue.push_back(run);
            }
            Poco::Logger::get("scheduler-test").setLevel("none");
            RunScheduler::Settings settings;
            settings.nodeId = "n";
            settings.capacity = capacity;
            scheduler = std::make_unique<RunScheduler>(settings, store, feed, gauge, clock,
                                                       Poco::Logger::get("scheduler-test"));
            scheduler->start(executor);
            const auto expected = static_cast<std::size_t>(std::min(capacity, runs));
            CPPUNIT_ASSERT(eventually([&] { return executor.started() == expected; }));
        }
        void begins(std::size_t i) { scheduler->started(executor.run(i), "none", 5); }
        void testPasses(std::size_t i) {
            RunTest test;
            test.status = TestStatus::passed;
            scheduler->testChanged(executor.run(i), test);
        }
        void ends(std::size_t i, RunStatus status = RunStatus::passed) {
            RunOutcome outcome;
            outcome.runId = executor.run(i).runId;
            outcome.status = status;
            outcome.startedAt = 5;
            outcome.completedAt = 6;
            scheduler->finished(executor.run(i), outcome);
        }
        /// Whoever would claim has done so then.
        void turnsAFewTimes() {
            for (int i = 0; i < 3; ++i) {
                const std::uint64_t turns = scheduler->turns();
                scheduler->wake();
                CPPUNIT_ASSERT(eventually([&] { return scheduler->turns() > turns; }));
            }
        }
        /// Waits until so many steps were stored.
        Lines steps(std::size_t count) {
            CPPUNIT_ASSERT(eventually([&] { return store.steps().size() >= count; }));
            return store.steps();
        }

        ScriptedRuns store;
        NoTriggers triggers;
        QueueGauge gauge{triggers, 100};
        RunFeed feed;
        SystemClock clock;
        HandExecutor executor;
        std::unique_ptr<RunScheduler> scheduler;
    };

    /// The node slept for longer than its lease: its run was taken, and it claims the next attempt itself
    /// while its own leader still ends the one before.
    void anAttemptThatWasTakenAwayDoesNotFreeTheNextOnesPlace() {
        Node node(2, 1);
        const auto queue = [&](const ClaimedRun& run) {
            std::lock_guard lock(node.store.mutex);
            node.store.queue.push_back(run);
            node.scheduler->wake();
        };
        const auto seesWhatWaits = [&] {
            for (int i = 0; i < 3; ++i) {
                const std::uint64_t turns = node.scheduler->turns();
                node.scheduler->wake();
                CPPUNIT_ASSERT(eventually([&] { return node.scheduler->turns() > turns; }));
            }
        };
        ClaimedRun run = node.executor.run(0);
        ++run.attempt;
        ++run.leaseEpoch;
        queue(run);
        CPPUNIT_ASSERT(eventually([&] { return node.executor.started() == 2; }));
        run.runId = "run-other";
        queue(run);
        run.runId = "run-third";
        queue(run);
        seesWhatWaits();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, node.executor.started()); // both attempts are at work
        node.ends(0);
        CPPUNIT_ASSERT(eventually([&] { return node.executor.started() == 3; }));
        seesWhatWaits();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, node.executor.started()); // the second one still is
    }

    void whatCannotBeStartedIsNotClaimed() {
        Node node(1, 2);
        node.executor.down = true;
        node.ends(0);
        CPPUNIT_ASSERT(node.steps(1) == Lines{"finish run-0"});
        node.turnsAFewTimes();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, node.executor.started());
        node.executor.down = false;
        node.scheduler->wake();
        CPPUNIT_ASSERT(eventually([&] { return node.executor.started() == 2; }));
    }

    void whoStopsClaimsNothingWhateverABeatSays() {
        Node node(1, 2);
        node.scheduler->stopClaiming();
        node.scheduler->setDraining(false);
        node.ends(0);
        CPPUNIT_ASSERT(node.steps(1) == Lines{"finish run-0"});
        node.turnsAFewTimes();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, node.executor.started());
    }

    void onANodeWithRoomAStartIsToldAtOnce() {
        Node node(2, 1);
        node.begins(0);
        CPPUNIT_ASSERT(node.steps(1) == Lines{"started run-0"});
        node.ends(0);
        CPPUNIT_ASSERT((node.steps(2) == Lines{"started run-0", "finish run-0"}));
    }

    void onAFullNodeAShortRunsStartIsToldWithItsEnd() {
        for (int round = 0; round < 20; ++round) {
            Node node(1, 1);
            node.begins(0);
            node.testPasses(0);
            node.ends(0);
            const Lines steps = node.steps(1);
            // The machine may have been busy elsewhere for more than 10 ms just then.
            if (steps == Lines{"finish run-0+start"}) return;
            CPPUNIT_ASSERT_EQUAL(std::string("started run-0"), steps[0]);
        }
        CPPUNIT_FAIL("the start was told apart each time");
    }

    void aLongerRunsStartIsToldSoonAllTheSame() {
        Node node(1, 1);
        node.begins(0);
        CPPUNIT_ASSERT(node.steps(1) == Lines{"started run-0"});
        node.ends(0);
        CPPUNIT_ASSERT((node.steps(2) == Lines{"started run-0", "finish run-0"}));
    }

    void stepsComeBeforeTheEndThatIsNotStoredWithThem() {
        Node lost(1, 1);
        lost.begins(0);
        lost.testPasses(0);
        lost.scheduler->vanished(lost.executor.run(0), "gone");
        CPPUNIT_ASSERT((lost.steps(3) == Lines{"started run-0", "test run-0 passed", "giveUp run-0"}));
        Node again(1, 1, 3);
        again.begins(0);
        again.ends(0, RunStatus::failed);
        CPPUNIT_ASSERT((again.steps(2) == Lines{"started run-0", "retry run-0"}));
    }

    void anEndMakesRoomForTheNextRun() {
        Node node(2, 5);
        std::this_thread::sleep_for(20ms);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, node.executor.started());
        node.ends(0);
        CPPUNIT_ASSERT(eventually([&] { return node.executor.started() == 3; }));
        node.ends(2);
        node.ends(1);
        CPPUNIT_ASSERT(eventually([&] { return node.executor.started() == 5; }));
    }

    void whileTheDatabaseIsAwayNothingIsLost() {
        Node node(2, 3);
        node.store.away = true;
        node.begins(0);
        node.begins(1);
        node.ends(0);
        node.scheduler->wake();
        std::this_thread::sleep_for(50ms);
        CPPUNIT_ASSERT(node.store.steps().empty());
        node.store.away = false;
        node.steps(2);
        node.ends(1);
        CPPUNIT_ASSERT(eventually([&] { return node.executor.started() == 3; }));
        CPPUNIT_ASSERT_EQUAL(2,
                             node.store.count("started") + (node.store.count("finish run-0+start") ? 1 : 0));
        CPPUNIT_ASSERT(eventually([&] { return node.store.count("finish") == 2; }));
    }

    void whenJobsRanLastIsNotedOnceASecond() {
        Node node(4, 4);
        node.store.hold({"job-1"});
        node.ends(0);
        CPPUNIT_ASSERT(eventually([&] { return node.store.count("last job-0=5") == 1; }));
        const Instant noted = std::chrono::steady_clock::now();
        for (std::size_t i : {1u, 2u, 3u}) node.ends(i);
        CPPUNIT_ASSERT(eventually([&] { return node.store.count("last job-1=5 job-2=5 job-3=5") == 1; }));
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - noted > 800ms);
        node.store.note(""); // and the one whose row was held is tried again
        CPPUNIT_ASSERT(eventually([&] {
            std::lock_guard lock(node.store.mutex);
            return node.store.told.back() == "last job-1=5";
        }));
        node.store.hold({});
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RunSchedulerTest);
