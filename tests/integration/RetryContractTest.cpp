#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

using namespace usher;
using namespace usher::test;

/// Runs of jobs with `retries`.
class RetryContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RetryContractTest);
    CPPUNIT_TEST(aFailedRunIsTriedAgain);
    CPPUNIT_TEST(retriesAreCounted);
    CPPUNIT_TEST(aCancelledRunStaysCancelled);
    CPPUNIT_TEST(aRetrySurvivesTheDaemon);
    CPPUNIT_TEST_SUITE_END();

    static std::string start(World& w, const std::string& job) {
        Answer answer = w.trigger(job, w.createKey(job).key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        return answer.json()["data"]["runId"].get<std::string>();
    }
    static std::string timelineOf(const Json& run) {
        std::string text;
        for (const Json& event : run["timeline"])
            text += event["type"].get<std::string>() + std::to_string(event["attempt"].get<int>()) + " ";
        return text;
    }
    static void awaitAttempt(World& w, const std::string& run, int attempt) {
        for (int i = 0; i < 500; ++i) {
            if (w.admin("GET", "/api/runs/" + run).json()["attempt"].get<int>() >= attempt) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        CPPUNIT_FAIL("no further attempt\n" + w.log());
    }

    void aFailedRunIsTriedAgain() {
        World w;
        std::string job =
            w.createJob({"echo attempt $USHER_ATTEMPT; test $USHER_ATTEMPT -ge 2"}, {{"retries", 3}});
        std::string id = start(w, job);
        // A subscriber sees both attempts, and one end.
        Answer events = Http(w.port()).request("GET", "/api/runs/" + id + "/events",
                                               {{"Authorization", "Bearer " + w.token()}});
        Json run = w.finished(id);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(2, run["attempt"].get<int>());
        CPPUNIT_ASSERT_EQUAL(
            std::string("queued1 claimed1 started1 failed1 requeued1 claimed2 started2 passed2 "),
            timelineOf(run));
        CPPUNIT_ASSERT_EQUAL(std::string("exit code 1"), run["timeline"][3]["detail"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(run["timeline"][0]["at"], run["queuedAt"]);
        CPPUNIT_ASSERT(events.body.find("attempt 1") < events.body.find("attempt 2"));
        CPPUNIT_ASSERT(events.body.find("attempt 2") < events.body.find("event: end"));
        CPPUNIT_ASSERT_EQUAL(std::string("attempt 2\n"),
                             w.admin("GET", "/api/runs/" + id + "/log?test=0").body);
        CPPUNIT_ASSERT_EQUAL(std::string("attempt 1\n"),
                             w.admin("GET", "/api/runs/" + id + "/log?test=0&attempt=1").body);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("GET", "/api/runs/" + id + "/log?test=0&attempt=3").status);
    }

    void retriesAreCounted() {
        World w;
        Json run = w.finished(start(w, w.createJob({"exit 3"}, {{"retries", 1}})));
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(2, run["attempt"].get<int>());
        CPPUNIT_ASSERT_EQUAL(3, run["exitCode"].get<int>());
    }

    void aCancelledRunStaysCancelled() {
        World w;
        std::string running = start(w, w.createJob({"sleep 60"}, {{"retries", 5}}));
        for (int i = 0; i < 300; ++i) {
            if (w.admin("GET", "/api/runs/" + running).json()["status"] == "running") break;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        w.admin("POST", "/api/runs/" + running + "/cancel");
        Json run = w.finished(running);
        CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(1, run["attempt"].get<int>());
        std::string waiting = start(w, w.createJob({"exit 1"}, {{"retries", 10}}));
        awaitAttempt(w, waiting, 4); // waits for seconds by now
        w.admin("POST", "/api/runs/" + waiting + "/cancel");
        CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), w.finished(waiting)["status"].get<std::string>());
    }

    void aRetrySurvivesTheDaemon() {
        World w;
        std::string id = start(w, w.createJob({"test $USHER_ATTEMPT -ge 3"}, {{"retries", 2}}));
        awaitAttempt(w, id, 2);
        w.kill9();
        w.start();
        Json run = w.finished(id);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(3, run["attempt"].get<int>());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RetryContractTest);
