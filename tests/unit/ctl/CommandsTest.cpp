#include "CommandLine.h"
#include "FakeServer.h"
#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>
#include <sys/stat.h>

#include <fstream>

using namespace usher;
using namespace usher::ctl;

/// Whole command lines against a server that answers what the test wants.
class CommandsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CommandsTest);
    CPPUNIT_TEST(setupSendsTheTokenAndSignsIn);
    CPPUNIT_TEST(signedInCommandsCarryTheSession);
    CPPUNIT_TEST(signOutForgetsAlsoAnEndedSession);
    CPPUNIT_TEST(refusalsAreToldInTheServersWords);
    CPPUNIT_TEST(aServerThatIsNotThereExitsEight);
    CPPUNIT_TEST(jsonPrintsWhatTheServerSaid);
    CPPUNIT_TEST(namesAreLookedUpOverAllPages);
    CPPUNIT_TEST(namesThatTwoJobsHaveAreRefused);
    CPPUNIT_TEST(jobCreateSendsItsOptions);
    CPPUNIT_TEST(jobUpdateSendsOnlyWhatIsNamed);
    CPPUNIT_TEST(keyGoesToAFileOfItsOwn);
    CPPUNIT_TEST(keyIsShownOnceWithAWarning);
    CPPUNIT_TEST(keyLimitsAreSent);
    CPPUNIT_TEST(keysAreChangedByName);
    CPPUNIT_TEST(keysAreHardenedToTheEnd);
    CPPUNIT_TEST(aKeyIsInspectedWithoutAServer);
    CPPUNIT_TEST(triggerTakesItsKeyFromThreePlaces);
    CPPUNIT_TEST(triggerIsSentAgainWithTheSameIdempotencyKey);
    CPPUNIT_TEST(verdictIsTheExitCode);
    CPPUNIT_TEST(outputIsStreamedAndResumedWithoutRepetition);
    CPPUNIT_TEST(importMakesOnceAndThenUpdates);
    CPPUNIT_TEST(logsAreHarmlessOnATerminalOnly);
    CPPUNIT_TEST_SUITE_END();

    static constexpr const char* job = "0192f0c1-aaaa-7bbb-8ccc-000000000001";
    static constexpr const char* run = "0192f0c1-aaaa-7bbb-8ccc-00000000000f";
    const std::string jobPath = std::string("/api/jobs/") + job;
    const std::string runPath = std::string("/api/runs/") + run;

    FakeServer server;
    CommandLine person;

    int command(std::vector<std::string> words) {
        words.insert(words.end(), {"--server", server.url()});
        return person.run(std::move(words));
    }
    void signIn() {
        server.on("POST /api/auth/sign-in/email", R"({"token":"ushs_abc","user":{"email":"a@b"}})");
        person.input = "hunter22hunter22\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"sign-in", "--email", "a@b", "--password-stdin"}));
        person.input.clear();
    }
    std::string file(const std::string& name, const std::string& text) {
        std::string path = person.home + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path) << text;
        return path;
    }
    std::string sentBy(const std::string& line, const std::string& header) {
        return server.request(line).headers[header];
    }

    void setupSendsTheTokenAndSignsIn() {
        file("state/setup-token", "tok-123\n");
        server.on("POST /api/auth/setup", FakeServer::Answer{201, R"({"user":{"email":"a@b"}})", {}});
        server.on("POST /api/auth/sign-in/email", R"({"token":"ushs_abc","user":{"email":"a@b"}})");
        person.input = "correct horse\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"setup", "--email", "a@b", "--name", "Ann", "--password-stdin",
                                         "--state-dir", person.home + "/state"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"email":"a@b","name":"Ann","password":"correct horse","token":"tok-123"})"),
            server.request("POST /api/auth/setup").body);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"bearer":true,"email":"a@b","password":"correct horse"})"),
                             server.request("POST /api/auth/sign-in/email").body);
        CPPUNIT_ASSERT(!person.said("correct horse") && !person.said("tok-123") && !person.said("ushs_abc"));
        CPPUNIT_ASSERT_EQUAL(
            2, command({"setup", "--email", "a@b", "--password-stdin", "--token-file", "/nowhere"}));
    }
    void signedInCommandsCarryTheSession() {
        CPPUNIT_ASSERT_EQUAL(2, command({"whoami"}));
        CPPUNIT_ASSERT(person.said("usherctl sign-in"));
        signIn();
        struct stat info {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat((person.home + "/.config/usher/credentials.json").c_str(), &info));
        CPPUNIT_ASSERT_EQUAL(mode_t(0600), mode_t(info.st_mode & 0777));
        server.on("GET /api/auth/get-session", R"({"session":{},"user":{"email":"a@b","role":"admin"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"whoami"}));
        CPPUNIT_ASSERT(person.said("a@b (admin)"));
        CPPUNIT_ASSERT_EQUAL(std::string("Bearer ushs_abc"),
                             sentBy("GET /api/auth/get-session", "Authorization"));
    }
    void signOutForgetsAlsoAnEndedSession() {
        signIn();
        server.on("POST /api/auth/sign-out", FakeServer::Answer{401, R"({"error":"Unauthorized"})", {}});
        CPPUNIT_ASSERT_EQUAL(0, command({"sign-out"}));
        CPPUNIT_ASSERT_EQUAL(2, command({"whoami"}));
    }
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
    void keyGoesToAFileOfItsOwn() {
        signIn();
        server.on("POST " + jobPath + "/api-keys",
                  FakeServer::Answer{
                      201, R"({"success":true,"apiKey":{"id":"k1","name":"ci","key":"job_SECRET"}})", {}});
        std::string output = person.home + "/ci.key";
        CPPUNIT_ASSERT_EQUAL(0,
                             command({"key", "create", job, "--name", "ci", "--output", output, "--json"}));
        CPPUNIT_ASSERT(!person.said("job_SECRET"));
        CPPUNIT_ASSERT_EQUAL(std::string("job_SECRET\n"), *readFile(output));
        struct stat info {};
        ::stat(output.c_str(), &info);
        CPPUNIT_ASSERT_EQUAL(mode_t(0600), mode_t(info.st_mode & 0777));
        // A file that is there stops the command before a key is made that nobody would have.
        CPPUNIT_ASSERT_EQUAL(2, command({"key", "create", job, "--name", "ci", "--output", output}));
        CPPUNIT_ASSERT_EQUAL(1, server.count("POST " + jobPath + "/api-keys"));
    }
    void keyIsShownOnceWithAWarning() {
        signIn();
        server.on("POST " + jobPath + "/api-keys",
                  R"({"apiKey":{"id":"k1","name":"ci","key":"job_SECRET","jobId":"j"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"key", "create", job, "--name", "ci"}));
        CPPUNIT_ASSERT(person.out.find("job_SECRET\n") != std::string::npos);
        CPPUNIT_ASSERT(person.err.find("only time") != std::string::npos);
    }
    void keyLimitsAreSent() {
        signIn();
        server.on("POST " + jobPath + "/api-keys",
                  R"({"apiKey":{"id":"k1","name":"ci","key":"job_SECRET"}})");
        CPPUNIT_ASSERT_EQUAL(
            0, command({"key", "create", job, "--name", "ci", "--expires-in", "90d", "--rate-limit",
                        "100/60s", "--uses", "5", "--allow", "10.0.0.0/8", "--allow", "::1"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"allowedAddresses":["10.0.0.0/8","::1"],"expiresIn":7776000,"name":"ci",)"
                        R"("rateLimit":{"max":100,"windowSeconds":60},"remaining":5})"),
            server.request("POST " + jobPath + "/api-keys").body);
        CPPUNIT_ASSERT_EQUAL(0, command({"key", "create", job, "--name", "ci", "--rate-limit", "none"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"name":"ci","rateLimit":null})"), server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL(2, command({"key", "create", job, "--name", "ci", "--rate-limit", "many"}));
    }

    void keysAreChangedByName() {
        signIn();
        server.on("GET " + jobPath + "/api-keys", R"({"apiKeys":[{"id":"k1","name":"ci"}]})");
        const std::string line = "PATCH " + jobPath + "/api-keys/k1";
        server.on(line, R"({"success":true,"apiKey":{"id":"k1"}})");
        const int code = command({"key", "update", job, "ci", "--name", "hq", "--expires-in", "30d", "--uses",
                                  "7", "--rate-limit", "5/m", "--allow", "::1"});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(person.err, 0, code);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"allowedAddresses":["::1"],"expiresIn":2592000,"name":"hq",)"
                                         R"("rateLimit":{"max":5,"windowSeconds":60},"remaining":7})"),
                             server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL(0, command({"key", "update", job, "ci", "--expires-in", "never", "--uses", "any",
                                         "--rate-limit", "none", "--allow", "any"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"allowedAddresses":null,"expiresIn":null,"rateLimit":null,"remaining":null})"),
            server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE("nothing to change", 2, command({"key", "update", job, "ci"}));
        CPPUNIT_ASSERT_EQUAL(2, server.count(line));
    }
    void keysAreHardenedToTheEnd() {
        signIn();
        const std::string line = "POST /api/api-keys/harden";
        server.on(line,
                  R"({"rewritten":{"hex":2,"clear":1},"unchanged":5,"skipped":["k9"],"nextCursor":"k5"})");
        server.on(line, R"({"rewritten":{"hex":0,"clear":4},"unchanged":1,"skipped":[],"nextCursor":null})");
        CPPUNIT_ASSERT_EQUAL(0, command({"keys", "harden"}));
        CPPUNIT_ASSERT(person.said("2 from hex, 5 from the clear"));
        CPPUNIT_ASSERT(person.said("already: 6") && person.said("  k9\n"));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"cursor":"k5"})"), server.requests().back().body);
    }
    void aKeyIsInspectedWithoutAServer() {
        const std::string good = "job_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ013PQBQX";
        auto inspect = [&](const std::string& key) {
            person.input = key + "\n";
            const int code = person.run({"key", "inspect", "--server", "http://127.0.0.1:9"});
            CPPUNIT_ASSERT_MESSAGE("never echoed", key.size() < 16 || !person.said(key.substr(0, 16)));
            return code;
        };
        CPPUNIT_ASSERT_EQUAL(0, inspect(good));
        CPPUNIT_ASSERT_MESSAGE(person.out,
                               person.said("Checksum  right") && person.said("Start     job_abcd"));
        CPPUNIT_ASSERT_EQUAL(1, inspect(good.substr(0, 63) + (good[63] == 'T' ? "U" : "T")));
        CPPUNIT_ASSERT(person.said("Checksum  wrong"));
        // A known answer of the shared vectors.
        CPPUNIT_ASSERT_EQUAL(0, inspect("job_0123456789abcdefghijklmnopqrstuv"));
        CPPUNIT_ASSERT(person.said("Digest    qYA9uNuQRkq-lNblSiBFGZEnye-942yI0rOkUEgg8Hc\n"));
        CPPUNIT_ASSERT(person.said("Checksum  none") && person.said("unknown"));
        for (const auto& [key, format] : std::vector<std::pair<std::string, std::string>>{
                 {"job_0123456789abcdef0123456789abcdef", "job_ + 32 hex digits"},
                 {"sck_trigger_0123456789abcdef0123456789abcdef", "sck_trigger_ + 32 hex"},
                 {std::string(64, 'Q'), "64 letters"},
                 {"my-" + std::string(64, 'q'), "a prefix + 64 letters"},
                 {"qYA9uNuQRkq-lNblSiBFGZEnye-942yI0rOkUEgg8Hc", "a digest"},
                 {std::string(32, '0') + std::string(32, 'f'), "a digest"}}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(format, 0, inspect(key));
            CPPUNIT_ASSERT_MESSAGE(format + ": " + person.out, person.said("Format    " + format));
        }
        CPPUNIT_ASSERT_EQUAL(1, inspect("short"));
        CPPUNIT_ASSERT_EQUAL(1, inspect("job_with_\xc3\xa9_inside"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("nothing", 2, inspect(""));
        CPPUNIT_ASSERT_EQUAL(2, person.run({"key", "inspect", "--key-file", person.home + "/none"}));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("nobody was asked", std::size_t{0}, server.requests().size());
    }

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
            CommandsTest one;
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
};
CPPUNIT_TEST_SUITE_REGISTRATION(CommandsTest);
