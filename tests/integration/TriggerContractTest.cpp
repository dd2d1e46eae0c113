#include "TriggerFixture.h"

#include <atomic>
#include <thread>

using namespace usher;
using namespace usher::test;

/// The rows of the trigger's table, and what a key may do beside triggering.
class TriggerContractTest : public TriggerFixture {
    CPPUNIT_TEST_SUITE(TriggerContractTest);
    CPPUNIT_TEST(anAcceptedTriggerAnswers202AndRuns);
    CPPUNIT_TEST(refusalsComeInTheDocumentedOrder);
    CPPUNIT_TEST(credentialsOfEveryShape);
    CPPUNIT_TEST(bodiesAreJudgedStrictly);
    CPPUNIT_TEST(aKeySeesTheRunsOfItsJob);
    CPPUNIT_TEST(onlyAnAdminHardensKeys);
    CPPUNIT_TEST(waitAnswersWithTheEndedRun);
    CPPUNIT_TEST(aRevokedKeyIsDeadAtOnce);
    CPPUNIT_TEST_SUITE_END();

    void anAcceptedTriggerAnswers202AndRuns() {
        World& w = world();
        std::string job =
            w.createJob({"echo hello from $USHER_JOB_ID", "echo second; exit 3"}, {{"name", "demo"}});
        auto key = w.createKey(job, {{"name", "ci"}});
        Answer answer = w.trigger(job, key.key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        Json body = answer.json(), data = body.at("data");
        CPPUNIT_ASSERT(body.at("success").get<bool>());
        CPPUNIT_ASSERT_EQUAL(std::string("Job triggered successfully"),
                             body.at("message").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(job, data.at("jobId").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("demo"), data.at("jobName").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("queued"), data.at("status").get<std::string>());
        CPPUNIT_ASSERT(data.at("position").get<int>() >= 1);
        CPPUNIT_ASSERT_EQUAL(2, data.at("testCount").get<int>());
        CPPUNIT_ASSERT_EQUAL(std::string("ci"), data.at("triggeredBy").get<std::string>());
        std::string run = data.at("runId").get<std::string>();
        CPPUNIT_ASSERT_EQUAL("/api/runs/" + run, answer.field("location"));
        Json ended = w.finished(run);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), ended.at("status").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), ended.at("tests")[0].at("status").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), ended.at("tests")[1].at("status").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(3, ended.at("tests")[1].at("exitCode").get<int>());
        Answer log = w.admin("GET", "/api/runs/" + run + "/log?test=0");
        CPPUNIT_ASSERT_EQUAL("hello from " + job + "\n", log.body);
    }

    void refusalsComeInTheDocumentedOrder() {
        World& w = world();
        std::string job = w.createJob({"true"}), other = w.createJob({"true"}), empty = w.createJob({});
        auto key = w.createKey(job);
        expect(w.trigger("not-a-uuid", key.key), 400, "Invalid job ID format", "INVALID_JOB_ID");
        expect(w.trigger("not-a-uuid", ""), 400, "Invalid job ID format", "INVALID_JOB_ID");
        expect(w.trigger(job, ""), 401, "API key required", "API_KEY_REQUIRED");
        expect(w.trigger(job, "short"), 401, "Invalid API key format", "INVALID_API_KEY_FORMAT");
        expect(w.trigger(job, "job_" + std::string(60, 'x')), 401, "Invalid API key", "INVALID_API_KEY");
        expect(w.trigger(other, key.key), 403, "API key not authorized for this job",
               "API_KEY_NOT_AUTHORIZED");
        expect(w.trigger("00000000-0000-4000-8000-000000000000", key.key), 403,
               "API key not authorized for this job", "API_KEY_NOT_AUTHORIZED");
        auto emptyKey = w.createKey(empty);
        expect(w.trigger(empty, emptyKey.key), 409, "No tests found for job", "JOB_EMPTY");
        expect(w.trigger(empty, emptyKey.key, "{"), 409, "No tests found for job", "JOB_EMPTY");
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", true}});
        expect(w.trigger(job, key.key), 409, "Job not available", "JOB_PAUSED");
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", false}});
        w.admin("PATCH", "/api/jobs/" + job + "/api-keys/" + key.id,
                {{"allowedAddresses", {"203.0.113.0/24"}}});
        expect(w.trigger(job, key.key), 403, "Address not allowed", "ADDRESS_NOT_ALLOWED");
        w.admin("PATCH", "/api/jobs/" + job + "/api-keys/" + key.id, {{"enabled", false}});
        expect(w.trigger(job, key.key), 401, "API key disabled", "API_KEY_DISABLED");
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, runsOf(job));
        // Expired: the time is moved from outside, the API does not let a key begin expired.
        auto old = w.createKey(job);
        std::string past = w.postgres() ? "now() - interval '1 hour'" : "'2020-01-01T00:00:00.000Z'";
        auto type =
            w.postgres() ? std::string() : w.sql("SELECT typeof(created_at) FROM apikey LIMIT 1")[0][0];
        if (type == "integer") past = "1577836800000000";
        w.sql("UPDATE apikey SET expires_at = " + past + " WHERE id = '" + old.id + "'");
        expect(w.trigger(job, old.key), 401, "API key expired", "API_KEY_EXPIRED");
        // A deleted job takes its keys along.
        w.admin("DELETE", "/api/jobs/" + job);
        expect(w.trigger(job, old.key), 401, "Invalid API key", "INVALID_API_KEY");
    }

    void credentialsOfEveryShape() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job);
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, "", "", {{"X-Api-Key", key.key}}).status);
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, "", "", {{"Authorization", "bEaReR " + key.key}}).status);
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, key.key, "", {{"X-Api-Key", key.key}}).status);
        CPPUNIT_ASSERT_EQUAL(400, w.trigger(job, key.key, "", {{"X-Api-Key", key.key + "x"}}).status);
        CPPUNIT_ASSERT_EQUAL(401, w.trigger(job, "", "", {{"Authorization", "Basic " + key.key}}).status);
        std::string upper = job;
        for (char& c : upper) c = static_cast<char>(std::toupper(c));
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(upper, key.key).status);
    }

    void bodiesAreJudgedStrictly() {
        World& w = world();
        std::string job = w.createJob({"echo \"$TARGET $MODE\""},
                                      {{"parameters",
                                        {{{"name", "TARGET"}, {"required", true}, {"pattern", "[a-z]+"}},
                                         {{"name", "MODE"}, {"default", "fast"}}}}});
        auto key = w.createKey(job, {{"rateLimit", nullptr}});
        for (const char* body :
             {"{", "[]", "\"x\"", R"({"parameters":{"TARGET":1}})", R"({"parameters":{}})", "{}",
              R"({"parameters":{"TARGET":"UP"}})", R"({"parameters":{"TARGET":"a","X":"b"}})",
              R"({"parameters":{"TARGET":"a"},"more":1})", R"({"parameters":{"TARGET":"a","TARGET":"b"}})"}) {
            Answer answer = w.trigger(job, key.key, body);
            expect(answer, 400, "Invalid request body", "INVALID_BODY");
            CPPUNIT_ASSERT(!answer.json().at("details").empty());
        }
        CPPUNIT_ASSERT_EQUAL(415,
                             w.trigger(job, key.key, "TARGET=a", {{"Content-Type", "text/plain"}}).status);
        CPPUNIT_ASSERT_EQUAL(413, w.trigger(job, key.key, std::string(65 * 1024, ' ')).status);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, runsOf(job));
        Answer good = w.trigger(job, key.key, R"({"parameters":{"TARGET":"abc"}})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(good.body, 202, good.status);
        std::string run = good.json().at("data").at("runId").get<std::string>();
        w.finished(run);
        CPPUNIT_ASSERT_EQUAL(std::string("abc fast\n"), w.admin("GET", "/api/runs/" + run + "/log").body);
    }

    void aKeySeesTheRunsOfItsJob() {
        World& w = world();
        std::string job = w.createJob({"true"}), otherJob = w.createJob({"true"});
        auto mine = w.createKey(job), theirs = w.createKey(job), reader = w.createKey(job);
        w.sql("UPDATE apikey SET permissions = '[\"read:" + job + "\"]' WHERE id = '" + reader.id + "'");
        const std::string run = w.trigger(job, mine.key).json().at("data").at("runId");
        const std::string other = w.trigger(job, theirs.key).json().at("data").at("runId");
        auto get = [&](const World::Key& key, const std::string& target) {
            return Http(w.port()).request("GET", target, {{"Authorization", "Bearer " + key.key}});
        };
        auto list = [&](const World::Key& key, const std::string& of) {
            Answer answer = get(key, "/api/runs?jobId=" + of);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
            return answer.json().at("runs");
        };
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list(mine, job).size());
        CPPUNIT_ASSERT_EQUAL(run, list(mine, job).at(0).at("id").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list(reader, job).size());
        expect(get(mine, "/api/runs?jobId=" + otherJob), 403, "API key not authorized for this job",
               "API_KEY_NOT_AUTHORIZED");
        Answer unnamed = get(mine, "/api/runs");
        expect(unnamed, 403, "API key not authorized for this job", "API_KEY_NOT_AUTHORIZED");
        CPPUNIT_ASSERT(unnamed.body.find("jobId=") != std::string::npos);
        // One run: what it started, and with read: any of the job.
        w.finished(run);
        for (const std::string& what : std::vector<std::string>{"", "/log?test=0", "/events"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(what, 200, get(mine, "/api/runs/" + run + what).status);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(what, 403, get(theirs, "/api/runs/" + run + what).status);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(what, 200, get(reader, "/api/runs/" + run + what).status);
        }
        auto cancel = [&](const World::Key& key, const std::string& id) {
            return Http(w.port())
                .request("POST", "/api/runs/" + id + "/cancel", {{"Authorization", "Bearer " + key.key}})
                .status;
        };
        CPPUNIT_ASSERT_EQUAL(403, cancel(mine, other));
        CPPUNIT_ASSERT_EQUAL(403, cancel(reader, other));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("its own, which has ended", 409, cancel(mine, run));
    }

    void onlyAnAdminHardensKeys() {
        World& w = world();
        const std::string path = "/api/api-keys/harden";
        CPPUNIT_ASSERT_EQUAL(401, Http(w.port()).request("POST", path).status);
        expect(w.as(w.signInAs("editor"), "POST", path), 403, "Insufficient permissions",
               "INSUFFICIENT_PERMISSIONS");
        Answer answer = w.admin("POST", path);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        CPPUNIT_ASSERT(answer.json().at("unchanged").get<int>() >= 0);
    }

    void waitAnswersWithTheEndedRun() {
        World& w = world();
        std::string job = w.createJob({"exit 0"}), slow = w.createJob({"sleep 5"});
        auto key = w.createKey(job), slowKey = w.createKey(slow);
        Answer answer = w.trigger(job + "", key.key);
        Http http(w.port());
        Answer waited =
            http.request("POST", "/api/jobs/" + job + "/trigger?wait=20", {{"X-Api-Key", key.key}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(waited.body, 200, waited.status);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), waited.json().at("status").get<std::string>());
        Answer early =
            http.request("POST", "/api/jobs/" + slow + "/trigger?wait=1", {{"X-Api-Key", slowKey.key}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(early.body, 202, early.status);
        w.admin("POST", "/api/runs/" + early.json()["data"]["runId"].get<std::string>() + "/cancel");
        // The key is judged first, and the answer to a valid one shows its limits.
        std::string tooLong = "/api/jobs/" + job + "/trigger?wait=301";
        CPPUNIT_ASSERT_EQUAL(401, http.request("POST", tooLong, {}).status);
        Answer fault = http.request("POST", tooLong, {{"X-Api-Key", key.key}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(fault.body, 400, fault.status);
        CPPUNIT_ASSERT_EQUAL(std::string("100"), fault.field("ratelimit-limit"));
    }

    void aRevokedKeyIsDeadAtOnce() {
        World& w = world();
        std::string job = w.createJob({"true"}, {{"queueLimit", 100'000}});
        auto key = w.createKey(job, {{"rateLimit", nullptr}});
        std::string path = "/api/jobs/" + job + "/api-keys/" + key.id;
        std::atomic<int> epoch{0}; // odd while the revocation stands
        std::atomic<bool> stop{false};
        std::atomic<int> wrong{0}, accepted{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                Http http(w.port());
                while (!stop) {
                    int before = epoch;
                    Answer a =
                        http.request("POST", "/api/jobs/" + job + "/trigger", {{"X-Api-Key", key.key}});
                    accepted += a.status == 202;
                    // Only a request that lies wholly within one revocation proves anything.
                    if (before % 2 == 1 && epoch == before && a.status == 202) ++wrong;
                }
            });
        int failures = 0;
        for (int round = 0; round < 20; ++round) {
            failures += w.admin("PATCH", path, {{"enabled", false}}).status != 200;
            ++epoch;
            for (int i = 0; i < 5; ++i) failures += w.trigger(job, key.key).status != 401;
            ++epoch;
            failures += w.admin("PATCH", path, {{"enabled", true}}).status != 200;
        }
        stop = true;
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT(accepted > 0);
        CPPUNIT_ASSERT_EQUAL(0, failures);
        CPPUNIT_ASSERT_EQUAL(0, wrong.load());
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", true}});
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TriggerContractTest);
