// Triggers of a job that is busy: onBusy refuse and coalesce.
#include "StoreFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>

namespace usher {

class StoreContractBusy : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractBusy);
    CPPUNIT_TEST(aBusyJobRefuses);
    CPPUNIT_TEST(aBusyJobCoalesces);
    CPPUNIT_TEST(busyIsExactUnderConcurrency);
    CPPUNIT_TEST_SUITE_END();

    static NewRun withPolicy(NewRun run, OnBusy policy, const std::string& parameters = "{}") {
        run.onBusy = policy;
        run.parametersJson = parameters;
        return run;
    }

    void aBusyJobRefuses() {
        using Kind = Inserted::Kind;
        const Job job = newJobWithTests(1, [](JobSettings& s) {
            s.onBusy = OnBusy::refuse;
            s.maxConcurrency = 2;
        });
        auto next = [&] { return withPolicy(newRun(job), OnBusy::refuse); };
        NewRun keyed = next();
        keyed.idempotency = keyOf(job, "k");
        std::vector<NewRun> batch{next(), keyed, next(), next()};
        batch[3].revision += 1;
        const auto outcome = triggers().insertRuns(batch, soon());
        CPPUNIT_ASSERT(outcome[0].kind == Kind::inserted);
        CPPUNIT_ASSERT(outcome[1].kind == Kind::inserted);
        CPPUNIT_ASSERT(outcome[2].kind == Kind::busy);
        CPPUNIT_ASSERT(outcome[3].kind == Kind::revisionMoved);
        CPPUNIT_ASSERT(insert(keyed).kind == Kind::replay); // a replay is answered, however busy the job is
        const auto claimed = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claimed.size());
        NewRun refused = next();
        refused.idempotency = keyOf(job, "other");
        CPPUNIT_ASSERT(insert(refused).kind == Kind::busy);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), count("idempotency")); // a refusal keeps no key
        const RunOutcome end = outcomeOf(claimed[0]);
        runs().finish(std::span(&end, 1));
        NewRun full = next();
        full.queueFull = true;
        CPPUNIT_ASSERT(insert(full).kind == Kind::full);
        CPPUNIT_ASSERT(insert(refused).kind == Kind::inserted);
    }

    void aBusyJobCoalesces() {
        using Kind = Inserted::Kind;
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.onBusy = OnBusy::coalesce; });
        const std::string other = R"({"A":"1"})";
        auto next = [&](const std::string& parameters = "{}") {
            return withPolicy(newRun(job), OnBusy::coalesce, parameters);
        };
        NewRun keyed = next();
        keyed.idempotency = keyOf(job, "k");
        std::vector<NewRun> batch{next(), next(), next(other), keyed};
        batch[2].queuedAt = batch[0].queuedAt + 1; // the first to be claimed is the first
        const auto outcome = triggers().insertRuns(batch, soon());
        CPPUNIT_ASSERT(outcome[0].kind == Kind::inserted);
        CPPUNIT_ASSERT(outcome[1].kind == Kind::coalesced);
        CPPUNIT_ASSERT_EQUAL(batch[0].runId, outcome[1].replay.runId);
        CPPUNIT_ASSERT_EQUAL(batch[0].queuedAt, outcome[1].replay.queuedAt);
        CPPUNIT_ASSERT_EQUAL(batch[0].triggeredBy, outcome[1].replay.triggeredBy);
        CPPUNIT_ASSERT_EQUAL(std::string("nightly"), outcome[1].replay.jobName);
        CPPUNIT_ASSERT_EQUAL(1, outcome[1].replay.testCount);
        CPPUNIT_ASSERT(outcome[2].kind == Kind::inserted); // other parameters are another run
        CPPUNIT_ASSERT(outcome[3].kind == Kind::coalesced);
        const Inserted again = insert(keyed);
        CPPUNIT_ASSERT(again.kind == Kind::replay);
        CPPUNIT_ASSERT_EQUAL(batch[0].runId, again.replay.runId);
        NewRun full = next(other);
        full.queueFull = true;
        CPPUNIT_ASSERT(insert(full).kind == Kind::coalesced); // a full queue has room for who adds nothing
        full.parametersJson = R"({"A":"2"})";
        CPPUNIT_ASSERT(insert(full).kind == Kind::full);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim().size());
        CPPUNIT_ASSERT(insert(next()).kind == Kind::inserted); // the other one has started
        CPPUNIT_ASSERT_EQUAL(std::string("3"), count("runs"));
    }

    void busyIsExactUnderConcurrency() {
        const Job refusing = newJobWithTests(1, [](JobSettings& s) {
            s.onBusy = OnBusy::refuse;
            s.maxConcurrency = 3;
        });
        const Job coalescing = newJobWithTests(1, [](JobSettings& s) { s.onBusy = OnBusy::coalesce; });
        auto other = openAgain();
        std::atomic<int> inserted{0}, coalesced{0}, busy{0};
        inParallel(8, [&](int thread) {
            TriggerStore& store = thread % 2 ? other->triggers() : triggers();
            for (int i = 0; i < 10; ++i) {
                const NewRun rows[] = {withPolicy(newRun(coalescing), OnBusy::coalesce),
                                       withPolicy(newRun(refusing), OnBusy::refuse)};
                for (const Inserted& one : store.insertRuns(rows, soon())) {
                    inserted += one.kind == Inserted::Kind::inserted;
                    coalesced += one.kind == Inserted::Kind::coalesced;
                    busy += one.kind == Inserted::Kind::busy;
                }
            }
        });
        CPPUNIT_ASSERT_EQUAL(4, inserted.load());
        CPPUNIT_ASSERT_EQUAL(79, coalesced.load());
        CPPUNIT_ASSERT_EQUAL(77, busy.load());
        CPPUNIT_ASSERT_EQUAL(std::string("4"), count("runs"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractBusy);

} // namespace usher
