#include "CommandFixture.h"

using namespace usher;
using namespace usher::ctl;

/// What commands have in common (refusals, names, --json), and those that make jobs.
class CommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(CommandsTest);
    CPPUNIT_TEST(refusalsAreToldInTheServersWords);
    CPPUNIT_TEST(aServerThatIsNotThereExitsEight);
    CPPUNIT_TEST(jsonPrintsWhatTheServerSaid);
    CPPUNIT_TEST(namesAreLookedUpOverAllPages);
    CPPUNIT_TEST(namesThatTwoJobsHaveAreRefused);
    CPPUNIT_TEST(filtersGoIntoTheQuery);
    CPPUNIT_TEST(jobCreateSendsItsOptions);
    CPPUNIT_TEST(jobUpdateSendsOnlyWhatIsNamed);
    CPPUNIT_TEST(importMakesOnceAndThenUpdates);
    CPPUNIT_TEST_SUITE_END();

    void refusalsAreToldInTheServersWords() {
        signIn();
        server.on(
            "POST /api/jobs",
            FakeServer::Answer{
                400,
                R"({"error":"Invalid request body","message":"Look at \u001b[31m details","code":"INVALID_BODY",)"
                R"("requestId":"r-9","details":[{"field":"name","message":"too long"}]})",
                {}});
        CPPUNIT_ASSERT_EQUAL(7, command({"job", "create", "x"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string("error: Invalid request body: Look at \\x1b[31m details (request r-9)\n"
                        "  name: too long\n"),
            person.err);
        CPPUNIT_ASSERT_EQUAL(7, command({"job", "create", "x", "--json"}));
        CPPUNIT_ASSERT(person.out.find("\"INVALID_BODY\"") != std::string::npos);
        server.on("POST /api/tests", FakeServer::Answer{502, "<html>bad gateway</html>", {}});
        CPPUNIT_ASSERT_EQUAL(
            7, command({"test", "create", "--title", "t", "--type", "shell", file("t.sh", "x")}));
        CPPUNIT_ASSERT(person.said("does not look like an answer of usherd"));
    }
    void aServerThatIsNotThereExitsEight() {
        std::string url;
        {
            FakeServer gone;
            url = gone.url();
        }
        person.environment["USHER_API_KEY"] = "job_0123456789";
        CPPUNIT_ASSERT_EQUAL(8, person.run({"trigger", job, "--server", url}));
        CPPUNIT_ASSERT(person.said("cannot reach " + url));
        CPPUNIT_ASSERT(person.said("is usherd running"));
    }
    void jsonPrintsWhatTheServerSaid() {
        signIn();
        server.on("GET /api/jobs?limit=200",
                  R"({"jobs":[{"id":"1","name":"a","new":"field"}],"nextCursor":null})");
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "list", "--json"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"jobs":[{"id":"1","name":"a","new":"field"}],"nextCursor":null})") + "\n",
            person.out);
        server.on("GET " + jobPath, R"({"success":true,"job":{"name":"a"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "show", job, "--json"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"job":{"name":"a"},"success":true})") + "\n", person.out);
    }
    void namesAreLookedUpOverAllPages() {
        signIn();
        server.on("GET /api/jobs?limit=200", R"({"jobs":[{"id":"1","name":"other"}],"nextCursor":"c/2"})");
        server.on("GET /api/jobs?limit=199&cursor=c%2F2", R"({"jobs":[]})");
        server.on("GET /api/jobs?limit=200&cursor=c%2F2",
                  std::string(R"({"jobs":[{"id":")") + job + R"(","name":"nightly"}]})");
        server.on("GET " + jobPath, R"({"success":true,"job":{"name":"nightly"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "show", "nightly"}));
        CPPUNIT_ASSERT_EQUAL(2, command({"job", "show", "nightlyy"}));
        CPPUNIT_ASSERT(person.said("there is no job with this name"));
    }
    void namesThatTwoJobsHaveAreRefused() {
        signIn();
        server.on("GET /api/jobs?limit=200", R"({"jobs":[{"id":"1","name":"x"},{"id":"2","name":"x"}]})");
        CPPUNIT_ASSERT_EQUAL(2, command({"job", "delete", "x"}));
        CPPUNIT_ASSERT(person.said("2 jobs have the name x"));
    }
    void filtersGoIntoTheQuery() {
        signIn();
        server.on("GET /api/runs?jobId=" + std::string(job) + "&status=lost&limit=50", R"({"runs":[]})");
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "list", "--job", job, "--status", "lost"}));
        server.on("GET /api/runs?status=a%26b&limit=50", R"({"runs":[]})");
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "list", "--status", "a&b"}));
        server.on("GET /api/audit?since=2026-01-31T00%3A00%3A00.000Z&actor=-&limit=7", R"({"audit":[]})");
        CPPUNIT_ASSERT_EQUAL(0, command({"audit", "--since", "2026-01-31", "--actor", "-", "--limit", "7"}));
    }
    void jobCreateSendsItsOptions() {
        signIn();
        server.on("POST /api/jobs", FakeServer::Answer{201, R"({"job":{"id":"1","name":"n"}})", {}});
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "create", "n", "--timeout", "60", "--max-concurrency=2",
                                         "--param", "A", "--param", "B=x=y", "--description", "d"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(
                R"({"description":"d","maxConcurrency":2,"name":"n","parameters":[{"name":"A","required":true},)"
                R"({"default":"x=y","name":"B"}],"timeoutSeconds":60})"),
            server.request("POST /api/jobs").body);
        CPPUNIT_ASSERT_EQUAL(2, command({"job", "create", "n", "--timeout", "1m"}));
    }
    void jobUpdateSendsOnlyWhatIsNamed() {
        signIn();
        server.on("PATCH " + jobPath, R"({"job":{"id":"1","name":"n","parallelism":4,"network":"full"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "update", job, "--parallelism", "4", "--network", "full"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"network":"full","parallelism":4})"),
                             server.request("PATCH " + jobPath).body);
        CPPUNIT_ASSERT(person.out.find("4 tests of a run at once") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(2, command({"job", "update", job}));
        CPPUNIT_ASSERT_EQUAL(2, command({"job", "update", job, "--parallelism", "65"}));
        CPPUNIT_ASSERT_EQUAL(2, command({"job", "update", job, "--network", "some"}));
    }
    void importMakesOnceAndThenUpdates() {
        signIn();
        file("suite/a.sh", "echo a");
        file("suite/b.py", "print(1)");
        server.on("GET /api/jobs?limit=200", R"({"jobs":[]})");
        server.on("GET /api/jobs?limit=200",
                  std::string(R"({"jobs":[{"id":")") + job + R"(","name":"suite"}]})");
        server.on("POST /api/jobs",
                  FakeServer::Answer{201, std::string(R"({"job":{"id":")") + job + R"("}})", {}});
        server.on("POST /api/tests", FakeServer::Answer{201, R"({"test":{"id":"t1"}})", {}});
        server.on("POST /api/tests", FakeServer::Answer{201, R"({"test":{"id":"t2"}})", {}});
        server.on("PUT " + jobPath + "/tests", R"({"success":true})");
        server.on("GET " + jobPath,
                  R"({"job":{"tests":[{"id":"t1","title":"a.sh"},{"id":"t2","title":"b.py"}]}})");
        server.on("GET /api/tests/t1", R"({"test":{"script":"echo a","type":"shell"}})");
        server.on("GET /api/tests/t2", R"({"test":{"script":"old","type":"python"}})");
        server.on("PATCH /api/tests/t2", R"({"success":true})");
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "import", person.home + "/suite"}));
        CPPUNIT_ASSERT(person.said("job suite made"));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"tests":["t1","t2"]})"),
                             server.request("PUT " + jobPath + "/tests").body);
        CPPUNIT_ASSERT_EQUAL(0, command({"job", "import", person.home + "/suite"}));
        CPPUNIT_ASSERT(person.said("a.sh (shell): unchanged"));
        CPPUNIT_ASSERT(person.said("b.py (python): updated"));
        CPPUNIT_ASSERT_EQUAL(1, server.count("POST /api/jobs"));
        CPPUNIT_ASSERT_EQUAL(2, server.count("POST /api/tests"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CommandsTest);
