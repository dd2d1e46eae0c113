#include "StoreFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>

namespace usher {

/// Nodes that drain, and nodes that are lost.
class StoreContractNodes : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractNodes);
    CPPUNIT_TEST(aDrainingNodeClaimsNothing);
    CPPUNIT_TEST(drainingOutlivesARestart);
    CPPUNIT_TEST(beatsAndLeasesAreShown);
    CPPUNIT_TEST(aLostNodesRunsGoByPolicy);
    CPPUNIT_TEST(aLateWriterChangesNothing);
    CPPUNIT_TEST(aNodeThatHasBeatenLosesNothing);
    CPPUNIT_TEST(takersTakeEachRunOnce);
    CPPUNIT_TEST_SUITE_END();

    NodeStore& nodes() { return db().nodes(); }
    void add(const std::string& id) { nodes().registerNode({id, id, "boot", "", 1, 2, false}); }
    Node nodeOf(const std::string& id) {
        for (const Node& node : nodes().listNodes())
            if (node.id == id) return node;
        CPPUNIT_FAIL("no node " + id);
        return {};
    }
    Run runOf(const std::string& id) { return runs().findRun(id).value(); }

    void aDrainingNodeClaimsNothing() {
        add("node-a");
        add("node-b");
        CPPUNIT_ASSERT(nodes().setDraining("node-a", true));
        CPPUNIT_ASSERT(!nodes().setDraining("nobody", true));
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 9; });
        queue(job);
        queue(job);
        CPPUNIT_ASSERT(claim(1, "node-a").empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1, "node-b").size());
        CPPUNIT_ASSERT(nodes().setDraining("node-a", false));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1, "node-a").size());
    }
    void drainingOutlivesARestart() {
        add("node-a");
        nodes().setDraining("node-a", true);
        add("node-a");
        CPPUNIT_ASSERT(nodeOf("node-a").draining);
    }
    void beatsAndLeasesAreShown() {
        add("node-a");
        const std::int64_t before = nodeOf("node-a").beats;
        nodes().beat("node-a", 5, 120);
        CPPUNIT_ASSERT_EQUAL(before + 1, nodeOf("node-a").beats);
        CPPUNIT_ASSERT_EQUAL(120, nodeOf("node-a").leaseSeconds);
        CPPUNIT_ASSERT_EQUAL(0, nodeOf("node-a").running);
        queue(newJobWithTests());
        claim(1, "node-a");
        CPPUNIT_ASSERT_EQUAL(1, nodeOf("node-a").running);
        add("node-a"); // a restart is a beat too
        CPPUNIT_ASSERT_EQUAL(before + 2, nodeOf("node-a").beats);
    }

    struct Lost {
        std::string failing, rerunning, cancelled;
        std::vector<ClaimedRun> claimed;
    };
    Lost makeLost() {
        add("node-a");
        Lost lost;
        lost.failing = queue(newJobWithTests(1));
        lost.rerunning = queue(newJobWithTests(1, [](JobSettings& s) { s.onLost = OnLost::rerun; }));
        lost.cancelled = queue(newJobWithTests(1, [](JobSettings& s) { s.onLost = OnLost::rerun; }));
        lost.claimed = claim(10, "node-a");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, lost.claimed.size());
        runs().requestCancel(lost.cancelled, "user:1", now());
        return lost;
    }

    void aLostNodesRunsGoByPolicy() {
        Lost lost = makeLost();
        const std::int64_t beats = nodeOf("node-a").beats;
        if (!onPostgres()) {
            CPPUNIT_ASSERT(runs().takeFrom("node-a", beats, "lost", now()).empty());
            return;
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, runs().heldBy("node-a").size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{3},
                             runs().takeFrom("node-a", beats, "node a was lost", now()).size());
        CPPUNIT_ASSERT(runs().heldBy("node-a").empty());
        CPPUNIT_ASSERT(runs().takeFrom("node-a", beats, "again", now()).empty());
        CPPUNIT_ASSERT(runOf(lost.failing).status == RunStatus::lost);
        CPPUNIT_ASSERT_EQUAL(std::string("node a was lost"), runOf(lost.failing).errorDetails);
        CPPUNIT_ASSERT(runOf(lost.failing).completedAt);
        CPPUNIT_ASSERT(runOf(lost.cancelled).status == RunStatus::cancelled);
        for (const std::string& id : {lost.failing, lost.cancelled})
            CPPUNIT_ASSERT(runOf(id).tests.at(0).status == TestStatus::skipped); // it had not begun
        const Run again = runOf(lost.rerunning);
        CPPUNIT_ASSERT(again.status == RunStatus::queued);
        CPPUNIT_ASSERT_EQUAL(2, again.attempt);
        CPPUNIT_ASSERT(again.nodeId.empty() && !again.startedAt);
        const auto next = claim(10, "node-b");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, next.size());
        CPPUNIT_ASSERT_EQUAL(2, next[0].attempt);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, next[0].tests.size());
    }
    void aLateWriterChangesNothing() {
        if (!onPostgres()) return;
        Lost lost = makeLost();
        runs().takeFrom("node-a", nodeOf("node-a").beats, "lost", now());
        claim(10, "node-b");
        for (const ClaimedRun& late : lost.claimed) {
            const RunStatus before = runOf(late.runId).status;
            const RunOutcome outcome = outcomeOf(late);
            CPPUNIT_ASSERT(!runs().finish({&outcome, 1})[0]);
            CPPUNIT_ASSERT(!runs().recordStarted(late, "late", 1));
            runs().giveUp(late, "late", now());
            CPPUNIT_ASSERT(runOf(late.runId).status == before);
        }
        CPPUNIT_ASSERT(runOf(lost.rerunning).status == RunStatus::running);
        CPPUNIT_ASSERT_EQUAL(std::string("node-b"), runOf(lost.rerunning).nodeId);
    }
    void aNodeThatHasBeatenLosesNothing() {
        if (!onPostgres()) return;
        makeLost();
        const std::int64_t beats = nodeOf("node-a").beats;
        nodes().beat("node-a", now(), 20);
        CPPUNIT_ASSERT(runs().takeFrom("node-a", beats, "lost", now()).empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, runs().heldBy("node-a").size());
    }
    void takersTakeEachRunOnce() {
        if (!onPostgres()) return;
        add("node-a");
        const Job job = newJobWithTests(1, [](JobSettings& s) {
            s.onLost = OnLost::rerun;
            s.maxConcurrency = 100;
        });
        for (int i = 0; i < 40; ++i) queue(job);
        CPPUNIT_ASSERT_EQUAL(std::size_t{40}, claim(100, "node-a").size());
        const std::int64_t beats = nodeOf("node-a").beats;
        std::atomic<int> taken{0};
        inParallel(4, [&](int) {
            taken += static_cast<int>(runs().takeFrom("node-a", beats, "lost", now()).size());
        });
        CPPUNIT_ASSERT_EQUAL(40, taken.load());
        CPPUNIT_ASSERT_EQUAL(std::string("2"), sql().value("SELECT max(attempt) FROM runs"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractNodes);

} // namespace usher
