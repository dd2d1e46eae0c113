#include "StoreFixture.h"

#include "base/Uuid.h"

#include <cppunit/extensions/HelperMacros.h>

#include <atomic>

namespace usher {

/// Schedules: one run a tick, whoever else tries.
class StoreContractSchedules : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractSchedules);
    CPPUNIT_TEST(whatWasSetIsReadBack);
    CPPUNIT_TEST(dueOnesAreFoundOldestFirst);
    CPPUNIT_TEST(aTickMakesItsRunAndMovesOn);
    CPPUNIT_TEST(aTickWithoutARunIsRecorded);
    CPPUNIT_TEST(ofManyNodesOneHasTheTick);
    CPPUNIT_TEST(aMovedRevisionUndoesTheTick);
    CPPUNIT_TEST(aChangedScheduleHasNoOldTick);
    CPPUNIT_TEST(aChangeDoesNotBringBackATick);
    CPPUNIT_TEST(theJobsPolicyIsKept);
    CPPUNIT_TEST(theListHasAnEnd);
    CPPUNIT_TEST(aDeletedJobTakesItsSchedulesWithIt);
    CPPUNIT_TEST(onesThatAreAheadAreReset);
    CPPUNIT_TEST_SUITE_END();

    ScheduleStore& schedules() { return db().schedules(); }

    Schedule make(const Job& job, Micros nextAt = 1000) {
        Schedule schedule;
        schedule.id = createUuid();
        schedule.jobId = job.id;
        schedule.cron = "*/5 * * * *";
        schedule.timeZone = "Europe/Berlin";
        schedule.nextAt = nextAt;
        schedule.createdAt = schedule.updatedAt = 7;
        CPPUNIT_ASSERT(schedules().createSchedule(schedule) == ScheduleStore::Change::done);
        return schedule;
    }
    ScheduleTick tickOf(const Schedule& schedule, const Job& job) {
        ScheduleTick tick;
        tick.schedule = schedule;
        tick.at = *schedule.nextAt;
        tick.nextAt = *schedule.nextAt + 300;
        tick.run = newRun(job);
        tick.run->trigger = "schedule";
        tick.outcome = "run";
        return tick;
    }
    Schedule read(const Schedule& s) { return schedules().findSchedule(s.jobId, s.id).value(); }
    std::string runCount() { return sql().value("SELECT count(*) FROM runs"); }

    void whatWasSetIsReadBack() {
        const Job job = newJobWithTests();
        Schedule schedule = make(job);
        Schedule found = read(schedule);
        CPPUNIT_ASSERT_EQUAL(schedule.cron, found.cron);
        CPPUNIT_ASSERT_EQUAL(schedule.timeZone, found.timeZone);
        CPPUNIT_ASSERT(found.onMissed == OnMissed::runOnce && !found.paused);
        CPPUNIT_ASSERT_EQUAL(Micros{1000}, *found.nextAt);
        CPPUNIT_ASSERT(!found.lastTickAt && !found.lastRunId && found.lastOutcome.empty());
        schedule.cron = "1 2 3 4 5";
        schedule.onMissed = OnMissed::skip;
        schedule.paused = true;
        schedule.nextAt.reset();
        schedule.updatedAt = found.updatedAt + 1;
        CPPUNIT_ASSERT(schedules().updateSchedule(found, schedule));
        CPPUNIT_ASSERT(!schedules().updateSchedule(found, schedule)); // it is no longer as it was seen
        found = read(schedule);
        CPPUNIT_ASSERT(found.paused && found.onMissed == OnMissed::skip && !found.nextAt);
        CPPUNIT_ASSERT_EQUAL(std::string("1 2 3 4 5"), found.cron);
        CPPUNIT_ASSERT(schedules().findDue(1'000'000, 10).empty());
        const Job other = newJobWithTests();
        CPPUNIT_ASSERT(!schedules().findSchedule(other.id, schedule.id));
        CPPUNIT_ASSERT(!schedules().deleteSchedule(other.id, schedule.id));
        CPPUNIT_ASSERT(schedules().deleteSchedule(job.id, schedule.id));
        CPPUNIT_ASSERT(!schedules().updateSchedule(found, schedule));
        CPPUNIT_ASSERT(std::abs(schedules().now() - now()) < 60'000'000);
    }

    void dueOnesAreFoundOldestFirst() {
        const Job job = newJobWithTests();
        const Schedule late = make(job, 900), early = make(job, 100);
        make(job, 5000);
        const auto due = schedules().findDue(1000, 10);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, due.size());
        CPPUNIT_ASSERT_EQUAL(early.id, due[0].id);
        CPPUNIT_ASSERT_EQUAL(late.id, due[1].id);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, schedules().findDue(1000, 1).size());
    }

    void aTickMakesItsRunAndMovesOn() {
        const Job job = newJobWithTests(2);
        const Schedule schedule = make(job);
        const ScheduleTick tick = tickOf(schedule, job);
        const TickResult result = schedules().commitTick(tick);
        CPPUNIT_ASSERT(result.kind == TickResult::Kind::done);
        CPPUNIT_ASSERT_EQUAL(tick.run->runId, result.runId);
        const Schedule moved = read(schedule);
        CPPUNIT_ASSERT_EQUAL(Micros{1300}, *moved.nextAt);
        CPPUNIT_ASSERT_EQUAL(Micros{1000}, *moved.lastTickAt);
        CPPUNIT_ASSERT_EQUAL(std::string("run"), moved.lastOutcome);
        CPPUNIT_ASSERT_EQUAL(result.runId, *moved.lastRunId);
        CPPUNIT_ASSERT_EQUAL(schedule.updatedAt, moved.updatedAt);
        CPPUNIT_ASSERT_EQUAL(std::string("schedule"), runs().findRun(result.runId)->trigger);
        // The tests are kept as they stood.
        sql().run("UPDATE tests SET script = 'changed'");
        const auto claimed = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claimed.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claimed[0].tests.size());
        CPPUNIT_ASSERT(claimed[0].tests[0].script != "changed");
    }

    void aTickWithoutARunIsRecorded() {
        const Job job = newJobWithTests();
        const Schedule schedule = make(job);
        ScheduleTick tick = tickOf(schedule, job);
        tick.run.reset();
        tick.outcome = "JOB_PAUSED";
        CPPUNIT_ASSERT(schedules().commitTick(tick).kind == TickResult::Kind::done);
        CPPUNIT_ASSERT_EQUAL(std::string("JOB_PAUSED"), read(schedule).lastOutcome);
        CPPUNIT_ASSERT(!read(schedule).lastRunId);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), runCount());
    }

    void ofManyNodesOneHasTheTick() {
        const Job job = newJobWithTests();
        const Schedule schedule = make(job);
        std::vector<std::unique_ptr<Database>> nodes;
        for (int i = 0; i < (onPostgres() ? 4 : 1); ++i) nodes.push_back(openAgain());
        std::atomic<int> won{0};
        inParallel(8, [&](int i) {
            const auto kind = nodes[static_cast<std::size_t>(i) % nodes.size()]
                                  ->schedules()
                                  .commitTick(tickOf(schedule, job))
                                  .kind;
            if (kind == TickResult::Kind::done) ++won;
            CPPUNIT_ASSERT(kind == TickResult::Kind::done || kind == TickResult::Kind::taken);
        });
        CPPUNIT_ASSERT_EQUAL(1, won.load());
        CPPUNIT_ASSERT_EQUAL(std::string("1"), runCount());
    }

    void aMovedRevisionUndoesTheTick() {
        const Job job = newJobWithTests();
        const Schedule schedule = make(job);
        const ScheduleTick tick = tickOf(schedule, job);
        sql().run("UPDATE jobs SET timeout_seconds = 77");
        CPPUNIT_ASSERT(schedules().commitTick(tick).kind == TickResult::Kind::revisionMoved);
        CPPUNIT_ASSERT_EQUAL(Micros{1000}, *read(schedule).nextAt);
        CPPUNIT_ASSERT(!read(schedule).lastTickAt);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), runCount());
        ScheduleTick again = tick;
        again.run->revision = jobs().findJob(job.id)->revision;
        CPPUNIT_ASSERT(schedules().commitTick(again).kind == TickResult::Kind::done);
    }

    void aChangedScheduleHasNoOldTick() {
        const Job job = newJobWithTests();
        const Schedule seen = make(job);
        const ScheduleTick tick = tickOf(seen, job);
        Schedule schedule = seen;
        schedule.updatedAt = 8; // the same next tick, but other settings
        CPPUNIT_ASSERT(schedules().updateSchedule(seen, schedule));
        CPPUNIT_ASSERT(schedules().commitTick(tick).kind == TickResult::Kind::taken);
        schedules().deleteSchedule(job.id, schedule.id);
        CPPUNIT_ASSERT(schedules().commitTick(tick).kind == TickResult::Kind::taken);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), runCount());
    }

    void aChangeDoesNotBringBackATick() {
        const Job job = newJobWithTests();
        const Schedule seen = make(job);
        CPPUNIT_ASSERT(schedules().commitTick(tickOf(seen, job)).kind == TickResult::Kind::done);
        Schedule changed = seen; // read before the tick, with the tick's time as its next
        changed.onMissed = OnMissed::skip;
        changed.updatedAt = seen.updatedAt + 1;
        CPPUNIT_ASSERT(!schedules().updateSchedule(seen, changed));
        CPPUNIT_ASSERT(read(seen).nextAt != seen.nextAt && read(seen).onMissed == seen.onMissed);
    }

    void theJobsPolicyIsKept() {
        const Job joining = newJobWithTests(1, [](JobSettings& s) { s.onBusy = OnBusy::coalesce; });
        const Job refusing = newJobWithTests(1, [](JobSettings& s) { s.onBusy = OnBusy::refuse; });
        for (const Job& job : {joining, refusing}) {
            Schedule schedule = make(job);
            ScheduleTick tick = tickOf(schedule, job);
            tick.run->onBusy = job.onBusy;
            const TickResult first = schedules().commitTick(tick);
            CPPUNIT_ASSERT(first.kind == TickResult::Kind::done);
            schedule = read(schedule);
            ScheduleTick next = tickOf(schedule, job);
            next.run->onBusy = job.onBusy;
            const TickResult second = schedules().commitTick(next);
            const bool joins = job.onBusy == OnBusy::coalesce;
            CPPUNIT_ASSERT(second.kind == (joins ? TickResult::Kind::coalesced : TickResult::Kind::busy));
            schedule = read(schedule);
            CPPUNIT_ASSERT_EQUAL(Micros{1600}, *schedule.nextAt);
            CPPUNIT_ASSERT_EQUAL(std::string(joins ? "coalesced" : "JOB_BUSY"), schedule.lastOutcome);
            CPPUNIT_ASSERT_EQUAL(joins ? first.runId : "", schedule.lastRunId.value_or(""));
        }
        CPPUNIT_ASSERT_EQUAL(std::string("2"), runCount());
    }

    void theListHasAnEnd() {
        const Job job = newJobWithTests();
        Schedule last;
        for (int i = 0; i < ScheduleStore::kMostOfJob; ++i) last = make(job);
        last.id = createUuid();
        CPPUNIT_ASSERT(schedules().createSchedule(last) == ScheduleStore::Change::tooMany);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, schedules().schedulesOf(job.id).size());
        last.jobId = createUuid();
        CPPUNIT_ASSERT(schedules().createSchedule(last) == ScheduleStore::Change::jobNotFound);
    }

    void aDeletedJobTakesItsSchedulesWithIt() {
        const Job job = newJobWithTests();
        const Schedule schedule = make(job);
        const ScheduleTick tick = tickOf(schedule, job);
        jobs().deleteJob(job.id);
        CPPUNIT_ASSERT(schedules().findDue(1'000'000, 10).empty());
        CPPUNIT_ASSERT(schedules().commitTick(tick).kind == TickResult::Kind::taken);
    }

    void onesThatAreAheadAreReset() {
        const Job job = newJobWithTests();
        Schedule schedule = make(job, 90'000);
        CPPUNIT_ASSERT(schedules().findAhead(50'000, 10).empty()); // it has not ticked yet
        schedules().commitTick(tickOf(schedule, job));
        const auto ahead = schedules().findAhead(50'000, 10);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ahead.size());
        schedules().resetTick(schedule, 60'000); // what was seen is old
        CPPUNIT_ASSERT_EQUAL(Micros{90'300}, *read(schedule).nextAt);
        schedules().resetTick(ahead[0], 60'000);
        CPPUNIT_ASSERT_EQUAL(Micros{60'000}, *read(schedule).nextAt);
        CPPUNIT_ASSERT(!read(schedule).lastTickAt);
        CPPUNIT_ASSERT(schedules().findAhead(50'000, 10).empty());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractSchedules);

} // namespace usher
