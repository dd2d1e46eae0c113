#include "World.h"

#include "base/Clock.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

using namespace usher;
using namespace usher::test;

/// Schedules, as people and the clock see them. Ticks are made due by moving them into the past.
class SchedulesContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SchedulesContractTest);
    CPPUNIT_TEST(schedulesAreKeptAndChanged);
    CPPUNIT_TEST(whatCannotBeReadIsRefused);
    CPPUNIT_TEST(editorsKeepThemAndViewersLook);
    CPPUNIT_TEST(aTickMakesOneRun);
    CPPUNIT_TEST(aPausedJobsTickIsSkippedWithARecord);
    CPPUNIT_TEST(aPausedScheduleDoesNothing);
    CPPUNIT_TEST(missedTicksAreRunOnceOrSkippedAfterAKill);
    CPPUNIT_TEST_SUITE_END();

    static std::string path(const std::string& job, const std::string& id = {}) {
        return "/api/jobs/" + job + "/schedules" + (id.empty() ? "" : "/" + id);
    }
    static Json create(World& w, const std::string& job, const Json& body) {
        Answer answer = w.admin("POST", path(job), body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        return answer.json()["schedule"];
    }
    static Json read(World& w, const std::string& job) {
        Answer answer = w.admin("GET", path(job));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        return answer.json()["schedules"][0];
    }
    static void makeDue(World& w, int secondsAgo) {
        w.sql("UPDATE schedules SET next_at = next_at - " + std::to_string(366ll * 86'400) +
              "000000 WHERE next_at IS NOT NULL");
        if (secondsAgo == 0)
            w.sql("UPDATE schedules SET next_at = " + std::to_string(SystemClock().now()) +
                  " WHERE next_at IS NOT NULL");
    }
    template <class Condition>
    static bool within(int seconds, Condition condition) {
        for (int i = 0; i < seconds * 20; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return condition();
    }
    static Json runsOf(World& w, const std::string& job) {
        return w.admin("GET", "/api/runs?jobId=" + job).json()["runs"];
    }

    void schedulesAreKeptAndChanged() {
        World w;
        const std::string job = w.createJob({"true"});
        const Json made = create(w, job, {{"cron", "30 3 * * MON-FRI"}});
        CPPUNIT_ASSERT_EQUAL(std::string("UTC"), made["timeZone"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("run-once"), made["onMissed"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(false, made["paused"].get<bool>());
        CPPUNIT_ASSERT(made["nextAt"].get<std::string>().ends_with("T03:30:00.000Z"));
        CPPUNIT_ASSERT(made["lastTickAt"].is_null() && made["lastRunId"].is_null());
        const std::string id = made["id"].get<std::string>();
        Answer changed = w.admin("PATCH", path(job, id),
                                 {{"timeZone", "Asia/Tokyo"}, {"onMissed", "skip"}, {"cron", "0 9 * * *"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(changed.body, 200, changed.status);
        CPPUNIT_ASSERT(changed.json()["schedule"]["nextAt"].get<std::string>().ends_with("T00:00:00.000Z"));
        CPPUNIT_ASSERT_EQUAL(changed.json()["schedule"], read(w, job));
        changed = w.admin("PATCH", path(job, id), {{"paused", true}});
        CPPUNIT_ASSERT(changed.json()["schedule"]["nextAt"].is_null());
        changed = w.admin("PATCH", path(job, id), {{"paused", false}});
        CPPUNIT_ASSERT(changed.json()["schedule"]["nextAt"].is_string());
        CPPUNIT_ASSERT_EQUAL(200, w.admin("DELETE", path(job, id)).status);
        Answer gone = w.admin("DELETE", path(job, id));
        CPPUNIT_ASSERT_EQUAL(404, gone.status);
        CPPUNIT_ASSERT_EQUAL(std::string("SCHEDULE_NOT_FOUND"), gone.code());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, w.admin("GET", path(job)).json()["schedules"].size());
        const Json audit = w.admin("GET", "/api/audit").json();
        for (const char* action : {"schedule.create", "schedule.update", "schedule.delete"})
            CPPUNIT_ASSERT_MESSAGE(action, toText(audit).find(action) != std::string::npos);
    }

    void whatCannotBeReadIsRefused() {
        World w;
        const std::string job = w.createJob({"true"});
        for (const Json& bad :
             {Json{{"cron", "* * * *"}}, Json{{"cron", "61 * * * *"}}, Json{{"cron", "0 0 30 2 *"}},
              Json{{"cron", ""}}, Json{{"cron", 5}}, Json::object(), Json{{"timeZone", "UTC"}},
              Json{{"cron", "* * * * *"}, {"timeZone", "Mars/Base"}},
              Json{{"cron", "* * * * *"}, {"onMissed", "twice"}},
              Json{{"cron", "* * * * *"}, {"paused", "yes"}}, Json{{"cron", "* * * * *"}, {"more", 1}}}) {
            Answer answer = w.admin("POST", path(job), bad);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(bad), 400, answer.status);
            CPPUNIT_ASSERT_MESSAGE(answer.body, answer.json().contains("details"));
        }
        const std::string nobody = "00000000-0000-4000-8000-000000000000";
        CPPUNIT_ASSERT_EQUAL(404, w.admin("POST", path(nobody), {{"cron", "* * * * *"}}).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", path(nobody)).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("PATCH", path(job, nobody), {{"paused", true}}).status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("PATCH", path(job, "x"), {{"paused", true}}).status);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), w.sql("SELECT count(*) FROM schedules")[0][0]);
    }

    void editorsKeepThemAndViewersLook() {
        World w;
        const std::string job = w.createJob({"true"}), other = w.createJob({"true"});
        const std::string viewer = w.signInAs("viewer"), editor = w.signInAs("editor");
        Answer made = w.as(editor, "POST", path(job), {{"cron", "* * * * *"}, {"paused", true}});
        CPPUNIT_ASSERT_EQUAL(201, made.status);
        const std::string id = made.json()["schedule"]["id"].get<std::string>();
        CPPUNIT_ASSERT_EQUAL(200, w.as(viewer, "GET", path(job)).status);
        CPPUNIT_ASSERT_EQUAL(403, w.as(viewer, "POST", path(job), {{"cron", "* * * * *"}}).status);
        CPPUNIT_ASSERT_EQUAL(403, w.as(viewer, "PATCH", path(job, id), {{"paused", false}}).status);
        CPPUNIT_ASSERT_EQUAL(403, w.as(viewer, "DELETE", path(job, id)).status);
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "GET", path(job)).status);
        CPPUNIT_ASSERT_EQUAL(404, w.as(editor, "PATCH", path(other, id), {{"paused", false}}).status);
        CPPUNIT_ASSERT_EQUAL(200, w.as(editor, "DELETE", path(job, id)).status);
    }

    void aTickMakesOneRun() {
        World w;
        const std::string job =
            w.createJob({"echo $TARGET"}, {{"parameters", {{{"name", "TARGET"}, {"default", "here"}}}}});
        create(w, job, {{"cron", "0 0 1 1 *"}, {"timeZone", "Europe/Berlin"}});
        makeDue(w, 0);
        CPPUNIT_ASSERT(within(10, [&] { return runsOf(w, job).size() == 1; }));
        const Json run = w.finished(runsOf(w, job)[0]["id"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("schedule"), run["trigger"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("schedule 0 0 1 1 * Europe/Berlin"),
                             run["triggeredBy"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("here"), run["parameters"]["TARGET"].get<std::string>());
        const Json schedule = read(w, job);
        CPPUNIT_ASSERT_EQUAL(std::string("run"), schedule["lastOutcome"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(run["id"], schedule["lastRunId"]);
        CPPUNIT_ASSERT(schedule["nextAt"].get<std::string>().find("-12-31T23:00") != std::string::npos);
        std::this_thread::sleep_for(std::chrono::milliseconds(2500));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runsOf(w, job).size());
    }

    void aPausedJobsTickIsSkippedWithARecord() {
        World w;
        const std::string job = w.createJob({"true"}, {{"paused", true}});
        create(w, job, {{"cron", "0 0 1 1 *"}});
        makeDue(w, 0);
        CPPUNIT_ASSERT(within(10, [&] { return !read(w, job)["lastTickAt"].is_null(); }));
        CPPUNIT_ASSERT_EQUAL(std::string("JOB_PAUSED"), read(w, job)["lastOutcome"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, runsOf(w, job).size());
        const Json records = w.admin("GET", "/api/audit?action=schedule.skip").json()["audit"];
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, records.size());
        CPPUNIT_ASSERT_EQUAL(std::string("JOB_PAUSED"), records[0]["code"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL("job:" + job, records[0]["resource"].get<std::string>());
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", false}});
        makeDue(w, 0);
        CPPUNIT_ASSERT(within(10, [&] { return runsOf(w, job).size() == 1; }));
    }

    void aPausedScheduleDoesNothing() {
        World w;
        const std::string job = w.createJob({"true"});
        const Json made = create(w, job, {{"cron", "* * * * *"}, {"paused", true}});
        w.sql("UPDATE schedules SET next_at = NULL");
        std::this_thread::sleep_for(std::chrono::milliseconds(2500));
        CPPUNIT_ASSERT(read(w, job)["lastTickAt"].is_null());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, runsOf(w, job).size());
    }

    void missedTicksAreRunOnceOrSkippedAfterAKill() {
        World w;
        const std::string once = w.createJob({"true"}), skip = w.createJob({"true"});
        create(w, once, {{"cron", "0 0 1 1 *"}});
        create(w, skip, {{"cron", "0 0 1 1 *"}, {"onMissed", "skip"}});
        w.kill9();
        makeDue(w, 366 * 86'400);
        w.start();
        CPPUNIT_ASSERT(within(10, [&] { return runsOf(w, once).size() == 1; }));
        CPPUNIT_ASSERT(within(10, [&] { return !read(w, skip)["lastTickAt"].is_null(); }));
        CPPUNIT_ASSERT_EQUAL(std::string("missed"), read(w, skip)["lastOutcome"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, runsOf(w, skip).size());
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, runsOf(w, once).size());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SchedulesContractTest);
