#include "app/ScheduleTicker.h"
#include "support/Fakes.h"

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::test;

namespace {

/// One schedule, and what became of its ticks.
struct OneSchedule final : ScheduleStore {
    Schedule schedule;
    Micros time = 0;
    std::vector<Schedule> longerDue; ///< than that one
    std::vector<ScheduleTick> ticks;
    TickResult::Kind answer = TickResult::Kind::done;
    int moved = 0; ///< so often, the revision has moved first

    Micros now() override { return time; }
    std::vector<Schedule> schedulesOf(const std::string&) override { return {schedule}; }
    std::optional<Schedule> findSchedule(const std::string&, const std::string&) override { return schedule; }
    Change createSchedule(const Schedule&) override { return Change::done; }
    bool updateSchedule(const Schedule&, const Schedule&) override { return true; }
    bool deleteSchedule(const std::string&, const std::string&) override { return true; }
    std::vector<Schedule> findDue(Micros at, int atMost) override {
        std::vector<Schedule> due = longerDue;
        if (schedule.nextAt && *schedule.nextAt <= at) due.push_back(schedule);
        if (due.size() > static_cast<std::size_t>(atMost)) due.resize(static_cast<std::size_t>(atMost));
        return due;
    }
    std::vector<Schedule> findAhead(Micros at, int) override {
        if (!schedule.lastTickAt || *schedule.lastTickAt <= at) return {};
        return {schedule};
    }
    TickResult commitTick(const ScheduleTick& tick) override {
        if (moved-- > 0) return {TickResult::Kind::revisionMoved, {}};
        ticks.push_back(tick);
        schedule.nextAt = tick.nextAt;
        schedule.lastTickAt = tick.at;
        return {answer, tick.run ? tick.run->runId : ""};
    }
    void resetTick(const Schedule&, Micros nextAt) override {
        schedule.nextAt = nextAt;
        schedule.lastTickAt.reset();
    }
};

struct OneJob final : TriggerStore {
    std::optional<TriggerView> view;
    std::int64_t queued = 0;

    std::vector<std::optional<TriggerView>> viewJobs(std::span<const std::string>, Instant) override {
        return {view};
    }
    std::vector<std::optional<Replay>> findReplays(std::span<const IdempotencyKey>, Micros,
                                                   Instant) override {
        return {};
    }
    std::vector<Inserted> insertRuns(std::span<const NewRun>, Instant) override { return {}; }
    std::vector<std::int64_t> countQueued(std::span<const std::string> jobs, std::span<const int>,
                                          Instant) override {
        return std::vector<std::int64_t>(jobs.size(), queued);
    }
    std::int64_t countAllQueued(std::int64_t, Instant) override { return queued; }
};

struct Lines final : Poco::Channel {
    std::vector<std::string> texts;
    void log(const Poco::Message& message) override { texts.push_back(message.getText()); }
};

} // namespace

/// When a tick makes a run, and what is recorded when it makes none.
class ScheduleTickerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ScheduleTickerTest);
    CPPUNIT_TEST(aTickOnTimeMakesARun);
    CPPUNIT_TEST(aMissedTickIsRunOnceOrSkippedByPolicy);
    CPPUNIT_TEST(aLongStopIsNotFollowedByAFlood);
    CPPUNIT_TEST(aJobThatMayNotRunHasItsTickRecorded);
    CPPUNIT_TEST(aMovedRevisionIsJudgedAgain);
    CPPUNIT_TEST(aScheduleThatCannotBeReadStops);
    CPPUNIT_TEST(aTickInAZoneThatIsUnknownHereIsLeftToOtherNodes);
    CPPUNIT_TEST(ticksThatAreLeftHoldUpNoOthers);
    CPPUNIT_TEST(aClockThatIsPutBackRepeatsNoTick);
    CPPUNIT_TEST(aClockThatWasHoursAheadIsForgotten);
    CPPUNIT_TEST_SUITE_END();

    OneSchedule store;
    OneJob job;
    FakeClock clock;
    QueueGauge gauge{job, 100};
    std::vector<AuditRecord> records;
    int woken = 0;
    ScheduleTicker ticker{{store, job, gauge, clock, Poco::Logger::get("test"), [this] { ++woken; },
                           [this](AuditRecord record) { records.push_back(std::move(record)); }}};

    static Micros at(const std::string& time) { return parseTime("2026-05-04T" + time + "Z").value(); }

public:
    void setUp() override {
        Poco::Logger::get("test").setLevel("none");
        store.schedule.id = "s";
        store.schedule.jobId = "j";
        store.schedule.cron = "*/10 * * * *";
        store.schedule.nextAt = at("12:10:00");
        job.view = TriggerView{"j", "nightly", false, 3, 1, 5, 4, OnBusy::queue, "[]"};
    }

private:
    void tickAt(const std::string& time) {
        store.time = at(time);
        ticker.tickAll();
    }

    void aTickOnTimeMakesARun() {
        tickAt("12:09:59");
        CPPUNIT_ASSERT(store.ticks.empty());
        tickAt("12:10:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
        const ScheduleTick& tick = store.ticks[0];
        CPPUNIT_ASSERT_EQUAL(at("12:10:00"), tick.at);
        CPPUNIT_ASSERT_EQUAL(at("12:20:00"), *tick.nextAt);
        CPPUNIT_ASSERT_EQUAL(std::string("schedule"), tick.run->trigger);
        CPPUNIT_ASSERT_EQUAL(std::string("schedule:s"), tick.run->principalId);
        CPPUNIT_ASSERT_EQUAL(std::string("schedule */10 * * * * UTC"), tick.run->triggeredBy);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, tick.run->revision);
        CPPUNIT_ASSERT_EQUAL(4, tick.run->priority);
        CPPUNIT_ASSERT_EQUAL(1, woken);
        CPPUNIT_ASSERT(records.empty());
        tickAt("12:10:30");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
    }

    void aMissedTickIsRunOnceOrSkippedByPolicy() {
        store.schedule.onMissed = OnMissed::skip;
        tickAt("12:11:00"); // a minute is still in time
        CPPUNIT_ASSERT(store.ticks.back().run);
        tickAt("12:21:01");
        CPPUNIT_ASSERT(!store.ticks.back().run);
        CPPUNIT_ASSERT_EQUAL(std::string("missed"), store.ticks.back().outcome);
        CPPUNIT_ASSERT_EQUAL(std::string("TICK_MISSED"), records.at(0).code);
        store.schedule.onMissed = OnMissed::runOnce;
        tickAt("12:35:00");
        CPPUNIT_ASSERT(store.ticks.back().run);
        CPPUNIT_ASSERT_EQUAL(at("12:30:00"), store.ticks.back().at);
        CPPUNIT_ASSERT_EQUAL(at("12:40:00"), *store.ticks.back().nextAt);
    }

    void aLongStopIsNotFollowedByAFlood() {
        for (OnMissed policy : {OnMissed::runOnce, OnMissed::skip}) {
            store.schedule.onMissed = policy;
            store.schedule.nextAt = at("12:10:00") - 400ll * 86'400 * 1'000'000;
            store.ticks.clear();
            tickAt("12:15:00");
            tickAt("12:15:01");
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
            CPPUNIT_ASSERT_EQUAL(policy == OnMissed::runOnce, store.ticks[0].run.has_value());
            CPPUNIT_ASSERT_EQUAL(at("12:20:00"), *store.ticks[0].nextAt);
        }
    }

    void expectNoRun(const std::string& time, const std::string& code) {
        const std::size_t before = records.size();
        tickAt(time);
        CPPUNIT_ASSERT(!store.ticks.back().run);
        CPPUNIT_ASSERT_EQUAL(code, store.ticks.back().outcome);
        CPPUNIT_ASSERT_EQUAL(before + 1, records.size());
        CPPUNIT_ASSERT_EQUAL(code, records.back().code);
        CPPUNIT_ASSERT_EQUAL(std::string("schedule:s"), records.back().actor);
        CPPUNIT_ASSERT_EQUAL(std::string("schedule.skip"), records.back().action);
        CPPUNIT_ASSERT_EQUAL(std::string("job:j"), records.back().resource);
    }

    void aJobThatMayNotRunHasItsTickRecorded() {
        job.view->paused = true;
        expectNoRun("12:10:00", "JOB_PAUSED");
        job.view->paused = false;
        job.view->testCount = 0;
        expectNoRun("12:20:00", "JOB_EMPTY");
        job.view->testCount = 1;
        job.view->parametersJson = R"([{"name":"TARGET","required":true}])";
        expectNoRun("12:30:00", "INVALID_BODY");
        job.view->parametersJson = R"([{"name":"TARGET","required":true,"default":"x"}])";
        tickAt("12:40:00");
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"TARGET":"x"})"), store.ticks.back().run->parametersJson);
        job.view->parametersJson = "[]";
        job.view->queueLimit = 1;
        job.queued = 1;
        expectNoRun("12:50:00", "QUEUE_FULL");
        job.queued = 0;
        job.view->queueLimit = 9;
        store.answer = TickResult::Kind::busy;
        tickAt("13:00:00");
        CPPUNIT_ASSERT_EQUAL(std::string("JOB_BUSY"), records.back().code);
        store.answer = TickResult::Kind::coalesced;
        tickAt("13:10:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, records.size());
    }

    void aMovedRevisionIsJudgedAgain() {
        store.moved = 2;
        tickAt("12:10:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
        store.moved = 5; // given up, and found again a second later
        tickAt("12:20:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
        tickAt("12:20:01");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.ticks.size());
    }

    void aScheduleThatCannotBeReadStops() {
        store.schedule.cron = "every day";
        expectNoRun("12:10:00", "INVALID_SCHEDULE");
        CPPUNIT_ASSERT(!store.schedule.nextAt);
    }

    void aTickInAZoneThatIsUnknownHereIsLeftToOtherNodes() {
        Poco::AutoPtr<Lines> lines(new Lines);
        Poco::Logger& logger = Poco::Logger::get("test");
        logger.setChannel(lines);
        logger.setLevel("trace");
        store.schedule.timeZone = "Europe/Atlantis";
        tickAt("12:10:00");
        tickAt("12:10:01");
        CPPUNIT_ASSERT(store.ticks.empty());
        CPPUNIT_ASSERT(records.empty());
        CPPUNIT_ASSERT_EQUAL(at("12:10:00"), *store.schedule.nextAt);
        CPPUNIT_ASSERT_EQUAL_MESSAGE("said once", std::size_t{1}, lines->texts.size());
        CPPUNIT_ASSERT(lines->texts[0].find("Europe/Atlantis") != std::string::npos);
        logger.setChannel(nullptr);
        // Here somebody brought tzdata up to date.
        store.schedule.timeZone = "Europe/Berlin";
        tickAt("12:10:02");
        CPPUNIT_ASSERT(store.ticks.at(0).run);
    }

    void ticksThatAreLeftHoldUpNoOthers() {
        for (int i = 0; i < 200; ++i) {
            Schedule left = store.schedule;
            left.id = "left" + std::to_string(i);
            left.timeZone = "Europe/Atlantis";
            store.longerDue.push_back(left);
        }
        tickAt("12:10:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
        CPPUNIT_ASSERT_EQUAL(std::string("s"), store.ticks[0].schedule.id);
    }

    void aClockThatIsPutBackRepeatsNoTick() {
        tickAt("12:10:00");
        tickAt("11:10:05");
        ticker.resetAhead();
        tickAt("12:10:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.ticks.size());
        tickAt("12:20:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.ticks.size());
    }

    void aClockThatWasHoursAheadIsForgotten() {
        tickAt("20:10:00");
        store.time = at("12:12:00");
        ticker.resetAhead();
        tickAt("12:20:00");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.ticks.size());
        CPPUNIT_ASSERT_EQUAL(at("12:20:00"), store.ticks.back().at);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ScheduleTickerTest);
