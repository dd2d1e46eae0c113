#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

using namespace usher;
using namespace usher::test;

/// The job's `parallelism`, from the API to the report.
class ParallelContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ParallelContractTest);
    CPPUNIT_TEST(testsRunAtOnceAndAreReportedInOrder);
    CPPUNIT_TEST(aRunWithSeveralTestsInFlightOutlivesTheDaemon);
    CPPUNIT_TEST(wrongValuesAreRefusedWithDetails);
    CPPUNIT_TEST_SUITE_END();

    static std::string meet(const std::string& mine, const std::string& other) {
        return "touch " + mine + "; n=0; while ! [ -e " + other +
               " ]; do sleep 0.02; n=$((n+1)); [ $n -lt 1000 ] || exit 9; done; echo " + mine;
    }

    void testsRunAtOnceAndAreReportedInOrder() {
        World w;
        std::string job = w.createJob({meet("a", "b"), meet("b", "c"), meet("c", "a") + "; exit 4", "exit 0"},
                                      {{"parallelism", 3}});
        CPPUNIT_ASSERT_EQUAL(3, w.admin("GET", "/api/jobs/" + job).json()["job"]["parallelism"].get<int>());
        auto key = w.createKey(job, {{"name", "ci"}});
        Json run = w.finished(w.trigger(job, key.key).json()["data"]["runId"]);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(4, run["exitCode"].get<int>());
        const char* verdicts[] = {"passed", "passed", "failed", "passed"};
        for (int i = 0; i < 4; ++i) {
            const Json& test = run["tests"][static_cast<std::size_t>(i)];
            CPPUNIT_ASSERT_EQUAL(i, test["position"].get<int>());
            CPPUNIT_ASSERT_EQUAL(std::string(verdicts[i]), test["status"].get<std::string>());
        }
        for (int i = 0; i < 3; ++i)
            CPPUNIT_ASSERT_EQUAL(
                std::string(1, static_cast<char>('a' + i)) + "\n",
                w.admin("GET", "/api/runs/" + run["id"].get<std::string>() + "/log?test=" + std::to_string(i))
                    .body);
    }
    void aRunWithSeveralTestsInFlightOutlivesTheDaemon() {
        World w;
        std::string job =
            w.createJob({"echo one; sleep 3; echo more", "echo two; sleep 3; exit 5", "echo three"},
                        {{"parallelism", 2}});
        auto key = w.createKey(job, {{"name", "ci"}});
        std::string id = w.trigger(job, key.key).json()["data"]["runId"];
        for (int i = 0; i < 300; ++i) {
            Json tests = w.admin("GET", "/api/runs/" + id).json()["tests"];
            if (tests.size() == 3 && tests[0]["status"] == "running" && tests[1]["status"] == "running")
                break;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        w.kill9();
        w.start();
        Json run = w.finished(id);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(run), std::string("failed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(1, run["attempt"].get<int>());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(run), std::string("passed"),
                                     run["tests"][0]["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(5, run["tests"][1]["exitCode"].get<int>());
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), run["tests"][2]["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("one\nmore\n"),
                             w.admin("GET", "/api/runs/" + id + "/log?test=0").body);
    }
    void wrongValuesAreRefusedWithDetails() {
        World w;
        for (const Json& value : {Json(0), Json(65), Json("2"), Json(1.5)}) {
            Answer answer = w.admin("POST", "/api/jobs", {{"name", "x"}, {"parallelism", value}});
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 400, answer.status);
            CPPUNIT_ASSERT_EQUAL(std::string("parallelism"),
                                 answer.json()["details"][0]["field"].get<std::string>());
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ParallelContractTest);
