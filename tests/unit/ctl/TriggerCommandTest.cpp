#include "CommandFixture.h"

using namespace usher;
using namespace usher::ctl;

/// usherctl trigger, and what it has in common with run …: verdict, output, exit code.
class TriggerCommandTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(TriggerCommandTest);
    CPPUNIT_TEST(triggerTakesItsKeyFromThreePlaces);
    CPPUNIT_TEST(triggerIsSentAgainWithTheSameIdempotencyKey);
    CPPUNIT_TEST(verdictIsTheExitCode);
    CPPUNIT_TEST(outputIsStreamedAndResumedWithoutRepetition);
    CPPUNIT_TEST(logsAreHarmlessOnATerminalOnly);
    CPPUNIT_TEST(aRunIsShownWithItsCases);
    CPPUNIT_TEST(artifactsAreListedAndFetched);
    CPPUNIT_TEST_SUITE_END();

    void acceptTriggers() {
        server.on("POST " + jobPath + "/trigger",
                  FakeServer::Answer{202,
                                     std::string(R"({"success":true,"data":{"jobName":"n","runId":")") + run +
                                         R"(","status":"queued","position":1,"testCount":2}})",
                                     {}});
    }
    void triggerTakesItsKeyFromThreePlaces() {
        acceptTriggers();
        const std::string line = "POST " + jobPath + "/trigger";
        CPPUNIT_ASSERT_EQUAL(2, command({"trigger", job}));
        CPPUNIT_ASSERT(person.said("USHER_API_KEY"));
        person.environment["USHER_API_KEY"] = "job_from_environment";
        CPPUNIT_ASSERT_EQUAL(0, command({"trigger", job, "--param", "A=1", "--param", "B="}));
        CPPUNIT_ASSERT_EQUAL(std::string("Bearer job_from_environment"),
                             server.requests().back().headers["Authorization"]);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"parameters":{"A":"1","B":""}})"),
                             server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL(0, command({"trigger", job, "--key-file", file("key", "job_from_file\n")}));
        CPPUNIT_ASSERT_EQUAL(std::string("Bearer job_from_file"),
                             server.requests().back().headers["Authorization"]);
        person.input = "job_from_input\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"trigger", job, "--key-stdin", "--idempotency-key", "once"}));
        CPPUNIT_ASSERT_EQUAL(std::string("Bearer job_from_input"),
                             server.requests().back().headers["Authorization"]);
        CPPUNIT_ASSERT_EQUAL(std::string("once"), server.requests().back().headers["Idempotency-Key"]);
        CPPUNIT_ASSERT_EQUAL(3, server.count(line));
        CPPUNIT_ASSERT(!person.said("job_from"));
    }
    void triggerIsSentAgainWithTheSameIdempotencyKey() {
        const std::string line = "POST " + jobPath + "/trigger";
        server.on(line, FakeServer::Answer{503,
                                           R"({"error":"Storage unavailable","message":"later"})",
                                           {{"Retry-After", "1"}}});
        acceptTriggers();
        person.environment["USHER_API_KEY"] = "job_0123456789";
        CPPUNIT_ASSERT_EQUAL(0, command({"trigger", job}));
        CPPUNIT_ASSERT_EQUAL(2, server.count(line));
        auto requests = server.requests();
        CPPUNIT_ASSERT(!requests[0].headers["Idempotency-Key"].empty());
        CPPUNIT_ASSERT_EQUAL(requests[0].headers["Idempotency-Key"], requests[1].headers["Idempotency-Key"]);
        // A refusal that will not change is not repeated.
        FakeServer other;
        other.on(line, FakeServer::Answer{
                           409, R"({"error":"Job not available","message":"m","code":"JOB_PAUSED"})", {}});
        CPPUNIT_ASSERT_EQUAL(7, person.run({"trigger", job, "--server", other.url()}));
        CPPUNIT_ASSERT_EQUAL(1, other.count(line));
    }
    void ends(const std::string& status) {
        server.on("GET " + runPath + "/events",
                  "id: 1\nevent: state\ndata: {\"status\":\"running\"}\n\n"
                  "id: 2\nevent: log\ndata: {\"test\":0,\"text\":\"hello\\n\"}\n\n"
                  "id: 3\nevent: end\ndata: {\"status\":\"" +
                      status + "\"}\n\n");
        server.on("GET " + runPath,
                  std::string(R"({"id":")") + run + R"(","jobName":"n","status":")" + status +
                      R"(","durationMs":1900,"tests":[{"position":0,"title":"up","type":"shell","status":")" +
                      status + R"(","exitCode":0,"durationMs":20}]})");
    }
    void verdictIsTheExitCode() {
        person.environment["USHER_API_KEY"] = "job_0123456789";
        for (const auto& [status, code] : std::map<std::string, int>{
                 {"passed", 0}, {"failed", 1}, {"error", 3}, {"timeout", 4}, {"cancelled", 5}, {"lost", 6}}) {
            FakeServer fresh;
            TriggerCommandTest one;
            one.person.environment = person.environment;
            one.acceptTriggers();
            one.ends(status);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(status, code, one.command({"trigger", job, "--wait"}));
            CPPUNIT_ASSERT(one.person.said(status + " in 1.90 s"));
            CPPUNIT_ASSERT(!one.person.said("hello"));
            CPPUNIT_ASSERT_EQUAL(code, one.command({"run", "wait", run}));
            CPPUNIT_ASSERT_EQUAL(code, one.command({"trigger", job, "--wait", "--json"}));
            CPPUNIT_ASSERT_EQUAL(std::string("{"), one.person.out.substr(0, 1));
        }
    }
    void outputIsStreamedAndResumedWithoutRepetition() {
        person.environment["USHER_API_KEY"] = "job_0123456789";
        acceptTriggers();
        const std::string line = "GET " + runPath + "/events";
        // The first stream breaks off in the middle of its second event.
        server.on(
            line,
            "id: 1\nevent: log\ndata: {\"test\":0,\"text\":\"one\\n\"}\n\nid: 2\nevent: log\ndata: {\"te");
        server.on(line, "id: 2\nevent: log\ndata: {\"test\":0,\"text\":\"two\\n\"}\n\nid: 3\nevent: "
                        "end\ndata: {\"status\":\"failed\"}\n\n");
        server.on("GET " + runPath, std::string(R"({"id":")") + run +
                                        R"(","status":"failed","tests":[{"position":0,"title":"up"}]})");
        CPPUNIT_ASSERT_EQUAL(1, command({"trigger", job, "-f"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t(0), person.out.find("--- test 0: up\none\ntwo\n"));
        std::vector<std::string> resumed;
        for (auto& request : server.requests())
            if (request.line == line) resumed.push_back(request.headers["Last-Event-ID"]);
        CPPUNIT_ASSERT((resumed == std::vector<std::string>{"", "1"}));
    }
    void logsAreHarmlessOnATerminalOnly() {
        signIn();
        server.on("GET " + runPath + "/log?test=0",
                  FakeServer::Answer{200, "\x1b[31mred\n", {{"Content-Type", "text/plain"}}});
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "log", run, "--test", "0"}));
        CPPUNIT_ASSERT_EQUAL(std::string("\x1b[31mred\n"), person.out);
        person.terminal = true;
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "log", run, "--test", "0"}));
        CPPUNIT_ASSERT_EQUAL(std::string("\\x1b[31mred\n"), person.out);
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "log", run, "--test", "0", "--raw"}));
        CPPUNIT_ASSERT_EQUAL(std::string("\x1b[31mred\n"), person.out);
    }
    void answerARunWithCases() {
        server.on(
            "GET " + runPath,
            std::string(R"({"id":")") + run +
                R"(","jobName":"shop","status":"failed","durationMs":4000,"tests":[)"
                R"({"position":0,"title":"shop.spec.js","type":"playwright","status":"failed","cases":[)"
                R"({"name":"has a heading","status":"passed","durationMs":1500,"message":""},)"
                R"({"name":"counts","status":"failed","durationMs":2400,"message":"short",)"
                R"("details":"Expected: 2\n\nReceived: \u001b[31m1"}]}]})");
    }
    void aRunIsShownWithItsCases() {
        signIn();
        answerARunWithCases();
        server.on("GET " + runPath + "/artifacts", R"({"artifacts":[{"path":"shot.png","bytes":12}]})");
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "show", run}));
        CPPUNIT_ASSERT_MESSAGE(person.out,
                               person.said("cases of test 0, shop.spec.js: 1 passed, 1 failed\n"
                                           "  passed  has a heading  1.50 s\n  failed  counts  2.40 s\n"
                                           "      Expected: 2\n      Received: \\x1b[31m1\n"));
        CPPUNIT_ASSERT(person.said("shot.png"));
        // The node that has them is away.
        answerARunWithCases();
        server.on(
            "GET " + runPath + "/artifacts",
            FakeServer::Answer{503, R"({"error":"node b does not answer","code":"NODE_UNREACHABLE"})", {}});
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "show", run}));
        CPPUNIT_ASSERT_MESSAGE(person.out,
                               person.said("1 passed, 1 failed") && person.said("node b does not answer"));
        // Who waits is told what failed.
        answerARunWithCases();
        server.on("GET " + runPath + "/events", "id: 1\nevent: end\ndata: {\"status\":\"failed\"}\n\n");
        CPPUNIT_ASSERT_EQUAL(1, command({"run", "wait", run}));
        CPPUNIT_ASSERT_MESSAGE(person.out,
                               person.said("  failed  counts  2.40 s\n") && !person.said("has a heading"));
    }
    void artifactsAreListedAndFetched() {
        signIn();
        const std::string path = "GET " + runPath + "/artifacts";
        server.on(path, R"({"artifacts":[{"path":"a b/t.zip","bytes":4}]})");
        server.on(path + "/a%20b/t.zip", FakeServer::Answer{200, std::string("P\0K\n", 4), {}});
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "artifacts", run}));
        CPPUNIT_ASSERT(person.said("a b/t.zip  4"));
        const std::string kept = person.home + "/kept.zip";
        CPPUNIT_ASSERT_EQUAL(0, command({"run", "artifacts", run, "a b/t.zip", "--output", kept}));
        CPPUNIT_ASSERT_EQUAL(std::uintmax_t{4}, std::filesystem::file_size(kept));
        CPPUNIT_ASSERT_EQUAL(2, command({"run", "artifacts", run, "a b/t.zip", "--output", kept}));
        CPPUNIT_ASSERT(person.said("is there already"));
        person.terminal = true;
        CPPUNIT_ASSERT_EQUAL(2, command({"run", "artifacts", run, "a b/t.zip"}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TriggerCommandTest);
