#include "World.h"

#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

#include <set>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Who did what: every change and every refused trigger leaves a record, and no record leaves a secret.
class AuditContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AuditContractTest);
    CPPUNIT_TEST(everyChangeLeavesOneRecord);
    CPPUNIT_TEST(refusedTriggersOfAKnownKeyLeaveOneRecordEach);
    CPPUNIT_TEST(guessesAreMergedAndCounted);
    CPPUNIT_TEST(theListIsFilteredAndPaged);
    CPPUNIT_TEST(onlyAdminsReadIt);
    CPPUNIT_TEST(oldRecordsAreDeleted);
    CPPUNIT_TEST_SUITE_END();

    static Json audit(World& w, const std::string& query = "") {
        Answer answer = w.admin("GET", "/api/audit?limit=200" + query);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        return answer.json().at("audit");
    }
    /// The only record of this request.
    static Json recordOf(World& w, const Answer& answer) {
        std::string id = answer.field("x-request-id");
        CPPUNIT_ASSERT(!id.empty());
        Json found;
        int count = 0;
        for (const Json& record : audit(w))
            if (record.at("requestId") == id) found = record, ++count;
        CPPUNIT_ASSERT_EQUAL_MESSAGE("records of " + id + ": " + answer.body, 1, count);
        return found;
    }
    static void expectChange(World& w, const Answer& answer, const std::string& action,
                             const std::string& resource, const std::string& actor) {
        CPPUNIT_ASSERT_MESSAGE(action + ": " + answer.body, answer.status >= 200 && answer.status < 300);
        Json record = recordOf(w, answer);
        CPPUNIT_ASSERT_EQUAL(action, record.at("action").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(resource, record.at("resource").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(actor, record.at("actor").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("allowed"), record.at("decision").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), record.at("address").get<std::string>());
    }
    static std::string idIn(const Answer& answer, const char* member) {
        return answer.json().at(member).at("id").get<std::string>();
    }
    static std::string allRecords(World& w) {
        std::string text;
        for (const auto& row : w.sql("SELECT actor, action, resource, decision, code, address, request_id, "
                                     "detail FROM audit_log ORDER BY id"))
            for (const std::string& value : row) text += value + "\n";
        return text;
    }

    void everyChangeLeavesOneRecord() {
        World w;
        std::string setup(trim(readFile(w.folder() + "/state/setup-token").value_or("")));
        std::string me =
            "user:" + w.as(w.token(), "GET", "/api/auth/get-session").json()["user"]["id"].get<std::string>();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, audit(w, "&action=setup.create&actor=" + me).size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, audit(w, "&action=session.create&actor=" + me).size());

        const std::string password = "a password nobody guesses";
        Answer made = w.admin(
            "POST", "/api/users",
            {{"email", "eve@example.test"}, {"name", "Eve"}, {"password", password}, {"role", "editor"}});
        std::string eve = idIn(made, "user");
        expectChange(w, made, "user.create", "user:" + eve, me);
        expectChange(w, w.admin("PATCH", "/api/users/" + eve, {{"role", "viewer"}}), "user.update",
                     "user:" + eve, me);
        expectChange(w, w.admin("PATCH", "/api/users/" + eve, {{"password", password + "2"}}), "user.update",
                     "user:" + eve, me);
        Answer in = w.as("", "POST", "/api/auth/sign-in/email",
                         {{"email", "eve@example.test"}, {"password", password + "2"}, {"bearer", true}});
        expectChange(w, in, "session.create", "user:" + eve, "user:" + eve);
        std::string session = in.json().at("token").get<std::string>();
        std::string ended;
        Json before = w.admin("GET", "/api/sessions").json();
        for (const Json& one : before.at("sessions"))
            if (one.at("userId") == eve) ended = one.at("id").get<std::string>();
        expectChange(w, w.as(session, "POST", "/api/auth/sign-out", Json::object()), "session.delete",
                     "session:" + ended, "user:" + eve);
        Answer again = w.as("", "POST", "/api/auth/sign-in/email",
                            {{"email", "eve@example.test"}, {"password", password + "2"}, {"bearer", true}});
        std::string sessionId;
        Json after = w.admin("GET", "/api/sessions").json();
        for (const Json& one : after.at("sessions"))
            if (one.at("userId") == eve) sessionId = one.at("id").get<std::string>();
        expectChange(w, w.admin("DELETE", "/api/sessions/" + sessionId), "session.revoke",
                     "session:" + sessionId, me);
        Answer refused =
            w.as("", "POST", "/api/auth/sign-in/email",
                 {{"email", "eve@example.test"}, {"password", "wrong wrong wrong"}, {"bearer", true}});
        CPPUNIT_ASSERT_EQUAL(401, refused.status);
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_CREDENTIALS"),
                             recordOf(w, refused).at("code").get<std::string>());
        expectChange(w, w.admin("PATCH", "/api/users/" + eve, {{"banned", true}}), "user.update",
                     "user:" + eve, me);

        Answer test =
            w.admin("POST", "/api/tests", {{"title", "t"}, {"type", "shell"}, {"script", "sleep 60"}});
        std::string testId = idIn(test, "test");
        expectChange(w, test, "test.create", "test:" + testId, me);
        expectChange(w, w.admin("PATCH", "/api/tests/" + testId, {{"title", "u"}}), "test.update",
                     "test:" + testId, me);
        Answer job = w.admin("POST", "/api/jobs", {{"name", "j"}});
        std::string jobId = idIn(job, "job"), jobPath = "/api/jobs/" + jobId;
        expectChange(w, job, "job.create", "job:" + jobId, me);
        expectChange(w, w.admin("PUT", jobPath + "/tests", {{"tests", {testId}}}), "job.update",
                     "job:" + jobId, me);
        Answer renamed = w.admin("PATCH", jobPath, {{"name", "k"}, {"maxConcurrency", 2}});
        expectChange(w, renamed, "job.update", "job:" + jobId, me);
        CPPUNIT_ASSERT_EQUAL(std::string("maxConcurrency, name"),
                             recordOf(w, renamed).at("detail").get<std::string>());

        Answer key = w.admin("POST", jobPath + "/api-keys", {{"name", "ci"}});
        std::string keyId = idIn(key, "apiKey"), secret = key.json()["apiKey"]["key"].get<std::string>();
        std::string keyPath = jobPath + "/api-keys/" + keyId, keyName = "job:" + jobId + " key:" + keyId;
        expectChange(w, key, "key.create", keyName, me);
        expectChange(w, w.admin("PATCH", keyPath, {{"name", "cd"}}), "key.update", keyName, me);

        std::string run = w.trigger(jobId, secret).json().at("data").at("runId").get<std::string>();
        expectChange(w, w.as(secret, "POST", "/api/runs/" + run + "/cancel"), "run.cancel", "run:" + run,
                     "api-key:" + keyId);
        w.finished(run);
        Answer rerun = w.admin("POST", "/api/runs/" + run + "/rerun");
        expectChange(w, rerun, "run.rerun", "run:" + run, me);
        std::string second = rerun.json()["data"]["runId"].get<std::string>();
        CPPUNIT_ASSERT_EQUAL("made run:" + second, recordOf(w, rerun).at("detail").get<std::string>());
        expectChange(w, w.admin("POST", "/api/runs/" + second + "/cancel"), "run.cancel", "run:" + second,
                     me);
        w.finished(second);
        w.admin("PATCH", jobPath, {{"paused", true}});
        Answer paused = w.admin("POST", "/api/runs/" + run + "/rerun");
        CPPUNIT_ASSERT_EQUAL(409, paused.status);
        CPPUNIT_ASSERT_EQUAL(std::string("JOB_PAUSED"), recordOf(w, paused).at("code").get<std::string>());

        Answer rotated = w.admin("POST", keyPath + "/rotate", Json::object());
        expectChange(w, rotated, "key.update", keyName, me);
        std::string nextSecret = rotated.json()["apiKey"]["key"].get<std::string>();
        expectChange(w, w.admin("DELETE", keyPath), "key.delete", keyName, me);
        w.admin("PUT", jobPath + "/tests", {{"tests", Json::array()}});
        expectChange(w, w.admin("DELETE", "/api/tests/" + testId), "test.delete", "test:" + testId, me);
        expectChange(w, w.admin("DELETE", jobPath), "job.delete", "job:" + jobId, me);

        // A change that somebody may not make: one record with the person's name on it.
        std::string viewer = w.signInAs("viewer");
        Answer denied = w.as(viewer, "POST", "/api/jobs", {{"name", "v"}});
        CPPUNIT_ASSERT_EQUAL(403, denied.status);
        Json record = recordOf(w, denied);
        CPPUNIT_ASSERT(record.at("actor").get<std::string>().starts_with("user:"));
        CPPUNIT_ASSERT_EQUAL(std::string("INSUFFICIENT_PERMISSIONS"), record.at("code").get<std::string>());

        w.signal(15);
        w.wait();
        std::string everything = allRecords(w) + w.log();
        for (const std::string& canary :
             {password, secret, nextSecret, session, viewer, w.token(), setup,
              again.json()["token"].get<std::string>(), std::string("wrong wrong")})
            CPPUNIT_ASSERT_MESSAGE("a secret in the audit log or the daemon's",
                                   everything.find(canary) == std::string::npos);
        CPPUNIT_ASSERT(w.log().find("audit actor=" + me + " action=job.delete resource=job:" + jobId +
                                    " decision=allowed") != std::string::npos);
    }

    void refusedTriggersOfAKnownKeyLeaveOneRecordEach() {
        World w;
        std::string job = w.createJob({"true"}), other = w.createJob({"true"});
        auto key = w.createKey(job);
        auto expectRefused = [&](const Answer& answer, const std::string& code, const std::string& where) {
            Json record = recordOf(w, answer);
            CPPUNIT_ASSERT_EQUAL(code, record.at("code").get<std::string>());
            CPPUNIT_ASSERT_EQUAL("api-key:" + key.id, record.at("actor").get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("job.trigger"), record.at("action").get<std::string>());
            CPPUNIT_ASSERT_EQUAL("job:" + where, record.at("resource").get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("refused"), record.at("decision").get<std::string>());
        };
        expectRefused(w.trigger(other, key.key), "API_KEY_NOT_AUTHORIZED", other);
        expectRefused(w.trigger(job, key.key, "{\"extra\":1}"), "INVALID_BODY", job);
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", true}});
        expectRefused(w.trigger(job, key.key), "JOB_PAUSED", job);
        w.admin("PATCH", "/api/jobs/" + job + "/api-keys/" + key.id, {{"enabled", false}});
        for (int i = 0; i < 3; ++i) expectRefused(w.trigger(job, key.key), "API_KEY_DISABLED", job);
        std::string everything = allRecords(w);
        CPPUNIT_ASSERT(everything.find(key.key) == std::string::npos);
        CPPUNIT_ASSERT(everything.find(key.key.substr(0, 9)) == std::string::npos);
    }

    void guessesAreMergedAndCounted() {
        World w;
        std::string job = w.createJob({"true"}), guess = "job_" + std::string(60, 'g');
        for (int i = 0; i < 7; ++i) CPPUNIT_ASSERT_EQUAL(401, w.trigger(job, guess).status);
        for (int i = 0; i < 3; ++i) CPPUNIT_ASSERT_EQUAL(401, w.trigger(job, "short").status);
        CPPUNIT_ASSERT_EQUAL(401, w.trigger(job, "").status);
        CPPUNIT_ASSERT_EQUAL(400, w.trigger(guess, guess).status); // pasted into the wrong place
        CPPUNIT_ASSERT_EQUAL(400, w.trigger("nonsense", guess).status);
        w.signal(15); // what was counted until now is written at the end
        w.wait();
        std::map<std::string, std::vector<std::string>> counts;
        for (const auto& row : w.sql("SELECT code, detail, address FROM audit_log WHERE actor = '-'")) {
            counts[row[0]].push_back(row[1]);
            CPPUNIT_ASSERT_EQUAL(std::string("127.0.0.1"), row[2]);
        }
        using Counts = std::vector<std::string>;
        CPPUNIT_ASSERT(Counts{"count=7"} == counts["INVALID_API_KEY"]);
        CPPUNIT_ASSERT(Counts{"count=3"} == counts["INVALID_API_KEY_FORMAT"]);
        CPPUNIT_ASSERT(Counts{"count=1"} == counts["API_KEY_REQUIRED"]);
        CPPUNIT_ASSERT(Counts{"count=2"} == counts["INVALID_JOB_ID"]);
        CPPUNIT_ASSERT((allRecords(w) + w.log()).find("gggg") == std::string::npos);
    }

    void theListIsFilteredAndPaged() {
        World w;
        for (int i = 0; i < 7; ++i) w.createTest("true");
        Json all = audit(w);
        CPPUNIT_ASSERT(all.size() >= 9);
        for (std::size_t i = 1; i < all.size(); ++i)
            CPPUNIT_ASSERT(all[i - 1].at("at").get<std::string>() >= all[i].at("at").get<std::string>());
        std::set<std::string> seen;
        std::string cursor;
        int pages = 0;
        do {
            Json page = w.admin("GET", "/api/audit?action=test.create&limit=3" + cursor).json();
            CPPUNIT_ASSERT(page.at("audit").size() <= 3);
            for (const Json& one : page.at("audit")) {
                CPPUNIT_ASSERT_EQUAL(std::string("test.create"), one.at("action").get<std::string>());
                CPPUNIT_ASSERT(seen.insert(one.at("id").get<std::string>()).second);
            }
            cursor =
                page.at("nextCursor").is_null() ? "" : "&cursor=" + page.at("nextCursor").get<std::string>();
        } while (!cursor.empty() && ++pages < 10);
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, seen.size());
        CPPUNIT_ASSERT(audit(w, "&since=2200-01-01T00:00:00.000Z").empty());
        CPPUNIT_ASSERT(audit(w, "&until=2020-01-01T00:00:00Z").empty());
        CPPUNIT_ASSERT_EQUAL(all.size(), audit(w, "&since=2020-01-01T00:00:00Z").size());
        CPPUNIT_ASSERT(audit(w, "&actor=nobody").empty());
        for (const char* bad :
             {"since=yesterday", "until=", "limit=0", "limit=201", "cursor=zzzz", "actor=", "action=%00"}) {
            Answer answer = w.admin("GET", std::string("/api/audit?") + bad);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(bad + answer.body, 400, answer.status);
            CPPUNIT_ASSERT(answer.json().contains("details"));
        }
    }

    void onlyAdminsReadIt() {
        World w;
        for (const char* role : {"viewer", "editor"})
            CPPUNIT_ASSERT_EQUAL(403, w.as(w.signInAs(role), "GET", "/api/audit").status);
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "GET", "/api/audit").status);
    }

    void oldRecordsAreDeleted() {
        World w("[audit]\nkeep_days = 30\n");
        w.token();
        const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
        const std::int64_t day = 86'400'000'000;
        std::string values;
        for (int i = 0; i < 1200; ++i)
            values += (i ? ", (" : "(") + std::to_string(now - 31 * day - i) + ", 'old')";
        w.sql("INSERT INTO audit_log (at, action) VALUES " + values);
        w.sql("INSERT INTO audit_log (at, action) VALUES (" + std::to_string(now - 29 * day) + ", 'kept')");
        w.signal(15);
        w.wait();
        w.start(); // looks at once, then every hour
        for (int i = 0; i < 200 && !audit(w, "&action=old").empty(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CPPUNIT_ASSERT(audit(w, "&action=old").empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, audit(w, "&action=kept").size());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AuditContractTest);
