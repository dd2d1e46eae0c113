#include "CommandFixture.h"

using namespace usher;
using namespace usher::ctl;

/// usherctl schedule …, against a server that answers what the test wants.
class ScheduleCommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(ScheduleCommandsTest);
    CPPUNIT_TEST(addSendsWhatWasSaidAndTellsWhen);
    CPPUNIT_TEST(changesNameOneSchedule);
    CPPUNIT_TEST_SUITE_END();

    const std::string all = "/api/jobs/" + std::string(job) + "/schedules";
    const std::string answer = R"({"success":true,"schedule":{"id":"s1","cron":"30 3 * * *","timeZone":)"
                               R"("Europe/Berlin","paused":false,"nextAt":"2026-01-31T02:30:00.000Z"}})";

    void addSendsWhatWasSaidAndTellsWhen() {
        signIn();
        server.on("POST " + all, answer);
        CPPUNIT_ASSERT_EQUAL(0, command({"schedule", "add", job, "30 3 * * *", "--time-zone", "Europe/Berlin",
                                         "--on-missed", "skip"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"cron":"30 3 * * *","onMissed":"skip","timeZone":"Europe/Berlin"})"),
            server.request("POST " + all).body);
        CPPUNIT_ASSERT(person.said("2026-01-31 02:30:00"));
    }
    void changesNameOneSchedule() {
        signIn();
        server.on("PATCH " + all + "/s1", answer);
        CPPUNIT_ASSERT_EQUAL(0, command({"schedule", "pause", job, "s1"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"paused":true})"), server.request("PATCH " + all + "/s1").body);
        CPPUNIT_ASSERT_EQUAL(2, command({"schedule", "update", job, "s1"}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScheduleCommandsTest);
