#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <filesystem>
#include <fstream>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Keys, jobs, tests, sessions: what people manage, and who may.
class ManagementContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ManagementContractTest);
    CPPUNIT_TEST(aKeyLivesFromCreateToDelete);
    CPPUNIT_TEST(keyBodiesAreJudgedStrictly);
    CPPUNIT_TEST(tenKeysAndUniqueNamesHoldUnderConcurrency);
    CPPUNIT_TEST(changesAtOnceAllStay);
    CPPUNIT_TEST(rolesMayWhatTheyMay);
    CPPUNIT_TEST(nobodyComesInWithoutASession);
    CPPUNIT_TEST(jobsAndTestsLiveFromCreateToDelete);
    CPPUNIT_TEST(jobBodiesAreJudgedStrictly);
    CPPUNIT_TEST(hostileTextComesBackToTheLetter);
    CPPUNIT_TEST(aCookieNeedsAnOriginThatIsOurs);
    CPPUNIT_TEST(signOutKillsTheSessionAtOnce);
    CPPUNIT_TEST(setupHappensOnce);
    CPPUNIT_TEST(theTriggerGuideNamesThePortThatIsServed);
    CPPUNIT_TEST(listsArePagedByCursor);
    CPPUNIT_TEST_SUITE_END();

    static World& world() {
        static World* world = new World; // ends with the process: see main()
        static struct Ender {
            World*& w;
            ~Ender() { delete w; }
        } ender{world};
        return *world;
    }
    static void expect(const Answer& answer, int status, const std::string& title) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, status, answer.status);
        CPPUNIT_ASSERT_EQUAL(title, answer.json().at("error").get<std::string>());
    }

    void aKeyLivesFromCreateToDelete() {
        World& w = world();
        std::string job = w.createJob({"true"}), path = "/api/jobs/" + job + "/api-keys";
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"apiKeys":[],"success":true})"),
                             toText(w.admin("GET", path).json()));
        Answer made = w.admin("POST", path, {{"name", "  ci  "}, {"expiresIn", 3600}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
        Json key = made.json().at("apiKey");
        std::string secret = key.at("key").get<std::string>(), id = key.at("id").get<std::string>();
        CPPUNIT_ASSERT_EQUAL(std::size_t{64}, secret.size());
        CPPUNIT_ASSERT(secret.starts_with("job_"));
        CPPUNIT_ASSERT_EQUAL(secret.substr(0, 8), key.at("start").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("ci"), key.at("name").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("Admin"), key.at("createdByName").get<std::string>());
        CPPUNIT_ASSERT_EQUAL(100, key.at("rateLimit").at("max").get<int>());
        Answer list = w.admin("GET", path);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.json().at("apiKeys").size());
        CPPUNIT_ASSERT(list.body.find(secret) == std::string::npos);
        for (const char* field :
             {"id", "name", "start", "enabled", "createdAt", "updatedAt", "expiresAt", "lastRequest",
              "requestCount", "jobId", "createdByName", "rateLimit", "remaining", "allowedAddresses"})
            CPPUNIT_ASSERT_MESSAGE(field, list.json().at("apiKeys")[0].contains(field));
        Answer patched = w.admin("PATCH", path + "/" + id, {{"enabled", false}, {"name", "renamed"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(patched.body, 200, patched.status);
        CPPUNIT_ASSERT(patched.body.find(secret) == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(401, w.trigger(job, secret).status);
        w.admin("PATCH", path + "/" + id, {{"enabled", true}});
        Answer rotated = w.admin("POST", path + "/" + id + "/rotate", {{"graceSeconds", 0}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(rotated.body, 201, rotated.status);
        CPPUNIT_ASSERT_EQUAL(401, w.trigger(job, secret).status);
        std::string next = rotated.json().at("apiKey").at("key").get<std::string>();
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, next).status);
        std::string other = w.createJob({"true"});
        expect(w.admin("DELETE", "/api/jobs/" + other + "/api-keys/" + id), 404, "API key not found");
        Answer gone = w.admin("DELETE", path + "/" + id);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(gone.body, 200, gone.status);
        CPPUNIT_ASSERT_EQUAL(std::string("API key deleted successfully"),
                             gone.json().at("message").get<std::string>());
        expect(w.admin("DELETE", path + "/" + id), 404, "API key not found");
        expect(w.admin("PATCH", path + "/" + id, {{"enabled", true}}), 404, "API key not found");
    }

    void keyBodiesAreJudgedStrictly() {
        World& w = world();
        std::string job = w.createJob({"true"}), path = "/api/jobs/" + job + "/api-keys";
        std::vector<Json> bad = {Json::array(),
                                 {{"name", ""}},
                                 {{"name", "   "}},
                                 {{"name", std::string(101, 'x')}},
                                 {{"name", 7}},
                                 Json::object(),
                                 {{"name", "a"}, {"expiresIn", 59}},
                                 {{"name", "a"}, {"expiresIn", 31'536'001}},
                                 {{"name", "a"}, {"expiresIn", 60.5}},
                                 {{"name", "a"}, {"expiresIn", "60"}},
                                 {{"name", "a"}, {"rateLimit", {{"max", 0}, {"windowSeconds", 60}}}},
                                 {{"name", "a"}, {"rateLimit", {{"max", 10'001}, {"windowSeconds", 60}}}},
                                 {{"name", "a"}, {"rateLimit", {{"max", 1}}}},
                                 {{"name", "a"}, {"remaining", -1}},
                                 {{"name", "a"}, {"allowedAddresses", {"nonsense"}}},
                                 {{"name", "a"}, {"extra", 1}}};
        for (const Json& body : bad) {
            Answer answer = w.admin("POST", path, body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(body) + " -> " + answer.body, 400, answer.status);
            CPPUNIT_ASSERT_MESSAGE(answer.body, answer.json().contains("details"));
        }
        Answer form = Http(w.port()).request(
            "POST", path, {{"Authorization", "Bearer " + w.token()}, {"Content-Type", "text/plain"}},
            R"({"name":"a"})");
        expect(form, 415, "Unsupported media type");
        CPPUNIT_ASSERT(w.admin("GET", path).json().at("apiKeys").empty());
        expect(w.admin("POST", "/api/jobs/00000000-0000-4000-8000-000000000000/api-keys", {{"name", "a"}}),
               404, "Job not found");
        expect(w.admin("GET", "/api/jobs/nonsense/api-keys"), 400, "Invalid job ID format");
    }

    void tenKeysAndUniqueNamesHoldUnderConcurrency() {
        World& w = world();
        std::string job = w.createJob({"true"}), path = "/api/jobs/" + job + "/api-keys", token = w.token();
        std::atomic<int> made{0}, full{0}, same{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 20; ++t)
            threads.emplace_back([&, t] {
                Http http(w.port());
                Json body = {{"name", "k" + std::to_string(t / 2)}}; // each name is tried twice
                Answer a = http.request("POST", path, {{"Authorization", "Bearer " + token}}, toText(body));
                made += a.status == 201;
                if (a.status == 409) ++(a.body.find("already exists") != std::string::npos ? same : full);
            });
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT_EQUAL(10, made.load());
        CPPUNIT_ASSERT_EQUAL(10, full + same);
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, w.admin("GET", path).json().at("apiKeys").size());
        expect(w.admin("POST", path, {{"name", "eleventh"}}), 409, "Maximum of 10 API keys per job reached");
    }

    void changesAtOnceAllStay() {
        World& w = world();
        const std::string job = w.createJob({"true"}), test = w.createTest("true"), token = w.token();
        const Answer made = w.admin("POST", "/api/jobs/" + job + "/schedules", {{"cron", "0 4 * * *"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
        const std::string schedule = made.json().at("schedule").at("id").get<std::string>();
        const std::string plan = "/api/jobs/" + job + "/schedules/" + schedule;
        for (int round = 0; round < 10; ++round) {
            const std::string text = "round " + std::to_string(round);
            const std::string zone = round % 2 ? "Europe/Berlin" : "Asia/Tokyo";
            const std::vector<std::pair<std::string, Json>> changes = {
                {"/api/jobs/" + job, {{"paused", round % 2 == 0}}},
                {"/api/jobs/" + job, {{"description", text}}},
                {"/api/jobs/" + job, {{"priority", round % 10}}},
                {"/api/tests/" + test, {{"title", text}}},
                {"/api/tests/" + test, {{"priority", round % 10}}},
                {plan, {{"timeZone", zone}}},
                {plan, {{"onMissed", round % 2 ? "skip" : "run-once"}}}};
            std::atomic<int> done{0};
            std::vector<std::thread> threads;
            for (const auto& [path, body] : changes)
                threads.emplace_back([&] {
                    Http http(w.port());
                    done += http.request("PATCH", path, {{"Authorization", "Bearer " + token}}, toText(body))
                                .status == 200;
                });
            for (auto& thread : threads) thread.join();
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(changes.size()), done.load());
            const Json now = {
                {"/api/jobs/" + job, w.admin("GET", "/api/jobs/" + job).json().at("job")},
                {"/api/tests/" + test, w.admin("GET", "/api/tests/" + test).json().at("test")},
                {plan, w.admin("GET", "/api/jobs/" + job + "/schedules").json().at("schedules")[0]}};
            for (const auto& [path, body] : changes)
                for (const auto& [field, value] : body.items())
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(field, toText(value), toText(now.at(path).at(field)));
        }
    }

    void rolesMayWhatTheyMay() {
        World& w = world();
        std::string job = w.createJob({"true"}), keys = "/api/jobs/" + job + "/api-keys";
        std::string viewer = w.signInAs("viewer"), editor = w.signInAs("editor");
        CPPUNIT_ASSERT_EQUAL(200, w.as(viewer, "GET", keys).status);
        CPPUNIT_ASSERT_EQUAL(200, w.as(viewer, "GET", "/api/jobs").status);
        expect(w.as(viewer, "POST", keys, {{"name", "v"}}), 403, "Insufficient permissions");
        expect(w.as(viewer, "POST", "/api/jobs", {{"name", "v"}}), 403, "Insufficient permissions");
        expect(w.as(viewer, "PATCH", "/api/jobs/" + job, {{"name", "v"}}), 403, "Insufficient permissions");
        Answer made = w.as(editor, "POST", keys, {{"name", "e"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
        std::string id = made.json().at("apiKey").at("id").get<std::string>();
        CPPUNIT_ASSERT_EQUAL(200, w.as(editor, "PATCH", keys + "/" + id, {{"name", "e2"}}).status);
        expect(w.as(editor, "DELETE", keys + "/" + id), 403, "Insufficient permissions");
        expect(w.as(editor, "DELETE", "/api/jobs/" + job), 403, "Insufficient permissions");
        expect(w.as(editor, "GET", "/api/users"), 403, "Insufficient permissions");
        CPPUNIT_ASSERT_EQUAL(200, w.admin("DELETE", keys + "/" + id).status);
    }

    void nobodyComesInWithoutASession() {
        World& w = world();
        std::string job = w.createJob({"true"});
        auto key = w.createKey(job);
        for (const std::string& who : {std::string(), std::string("ushs_") + std::string(32, 'x'), key.key}) {
            for (const char* path : {"/api/jobs", "/api/tests", "/api/users"}) {
                Answer answer = w.as(who, "GET", path);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(path + answer.body, 401, answer.status);
            }
            expect(w.as(who, "GET", "/api/jobs/" + job + "/api-keys"), 401, "Unauthorized");
        }
        CPPUNIT_ASSERT_EQUAL(std::string("null"), w.as("", "GET", "/api/auth/get-session").body);
        // A key reads and cancels what it started, and nothing else.
        std::string mine = w.trigger(job, key.key).json().at("data").at("runId").get<std::string>();
        CPPUNIT_ASSERT_EQUAL(200, w.as(key.key, "GET", "/api/runs/" + mine).status);
        auto stranger = w.createKey(w.createJob({"true"}));
        CPPUNIT_ASSERT(w.as(stranger.key, "GET", "/api/runs/" + mine).status >= 401);
    }

    void jobsAndTestsLiveFromCreateToDelete() {
        World& w = world();
        std::string test = w.createTest("echo one"), job = w.createJob({});
        Answer put = w.admin("PUT", "/api/jobs/" + job + "/tests", {{"tests", {test}}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(put.body, 200, put.status);
        Json shown = w.admin("GET", "/api/jobs/" + job).json().at("job");
        CPPUNIT_ASSERT_EQUAL(1, shown.at("testCount").get<int>());
        Answer used = w.admin("DELETE", "/api/tests/" + test);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(used.body, 409, used.status);
        CPPUNIT_ASSERT_EQUAL(std::string("TEST_IN_USE"), used.code());
        auto revision = shown.at("revision").get<int>();
        Answer patched = w.admin("PATCH", "/api/tests/" + test, {{"script", "echo two"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(patched.body, 200, patched.status);
        CPPUNIT_ASSERT(w.admin("GET", "/api/jobs/" + job).json()["job"]["revision"].get<int>() > revision);
        CPPUNIT_ASSERT_EQUAL(
            200, w.admin("PUT", "/api/jobs/" + job + "/tests", {{"tests", Json::array()}}).status);
        CPPUNIT_ASSERT_EQUAL(200, w.admin("DELETE", "/api/tests/" + test).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", "/api/tests/" + test).status);
        CPPUNIT_ASSERT_EQUAL(200, w.admin("DELETE", "/api/jobs/" + job).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", "/api/jobs/" + job).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("DELETE", "/api/jobs/" + job).status);
    }

    void jobBodiesAreJudgedStrictly() {
        World& w = world();
        for (const Json& body :
             {Json::object(), Json{{"name", ""}}, Json{{"name", std::string(256, 'x')}},
              Json{{"name", "a"}, {"x", 1}}, Json{{"name", "a"}, {"maxConcurrency", 0}},
              Json{{"name", "a"}, {"timeoutSeconds", "5"}}, Json{{"name", "a"}, {"onLost", "maybe"}},
              Json{{"name", "a"}, {"priority", 10}},
              Json{{"name", "a"}, {"parameters", {{{"name", "PATH"}}}}},
              Json{{"name", "a"}, {"parameters", {{{"name", "A"}, {"pattern", "("}}}}}}) {
            Answer answer = w.admin("POST", "/api/jobs", body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(body) + answer.body, 400, answer.status);
            CPPUNIT_ASSERT(!answer.json().at("details").empty());
        }
        for (const Json& body : {Json::object(), Json{{"title", "t"}, {"type", "cobol"}, {"script", "x"}},
                                 Json{{"title", "t"}, {"type", "shell"}, {"script", ""}},
                                 Json{{"title", "t"}, {"type", "shell"}}}) {
            Answer answer = w.admin("POST", "/api/tests", body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(body) + answer.body, 400, answer.status);
        }
        std::string job = w.createJob({});
        for (const Json& body : {Json::object(), Json{{"tests", "x"}}, Json{{"tests", {"x"}}},
                                 Json{{"tests", {"00000000-0000-4000-8000-000000000000"}}}})
            CPPUNIT_ASSERT_EQUAL(400, w.admin("PUT", "/api/jobs/" + job + "/tests", body).status);
        CPPUNIT_ASSERT_EQUAL(405, w.admin("PUT", "/api/jobs").status);
        CPPUNIT_ASSERT(w.admin("PUT", "/api/jobs").field("allow").find("POST") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", "/api/nothing").status);
    }

    void hostileTextComesBackToTheLetter() {
        World& w = world();
        for (const std::string& text :
             {std::string("'; DROP TABLE jobs; --"), std::string("\" OR 1=1"),
              std::string("$1 ? :x @y %s {}"), std::string("<script>alert(1)</script>"),
              std::string("\xF0\x9F\x98\x80 \xE2\x80\xAE\x01\x7f"), std::string("a\nb\tc\\d")}) {
            Answer made = w.admin("POST", "/api/jobs", {{"name", text}, {"description", text}});
            CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
            Json job =
                w.admin("GET", "/api/jobs/" + made.json()["job"]["id"].get<std::string>()).json().at("job");
            CPPUNIT_ASSERT_EQUAL(text, job.at("name").get<std::string>());
            CPPUNIT_ASSERT_EQUAL(text, job.at("description").get<std::string>());
        }
    }

    void aCookieNeedsAnOriginThatIsOurs() {
        World& w = world();
        w.token();
        Http http(w.port());
        std::string body = R"({"email":"admin@example.test","password":"correct horse battery"})";
        Answer in = http.request("POST", "/api/auth/sign-in/email", {}, body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(in.body, 200, in.status);
        std::string cookie = in.field("set-cookie").substr(0, in.field("set-cookie").find(';'));
        CPPUNIT_ASSERT(cookie.starts_with("better-auth.session_token="));
        CPPUNIT_ASSERT(in.field("set-cookie").find("HttpOnly") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(200, http.request("GET", "/api/jobs", {{"Cookie", cookie}}).status);
        std::string job = R"({"name":"by cookie"})", here = "http://127.0.0.1:" + std::to_string(w.port());
        CPPUNIT_ASSERT_EQUAL(403, http.request("POST", "/api/jobs", {{"Cookie", cookie}}, job).status);
        CPPUNIT_ASSERT_EQUAL(
            403, http.request("POST", "/api/jobs", {{"Cookie", cookie}, {"Origin", "http://evil.test"}}, job)
                     .status);
        CPPUNIT_ASSERT_EQUAL(
            201, http.request("POST", "/api/jobs", {{"Cookie", cookie}, {"Origin", here}}, job).status);
        Answer session = http.request("GET", "/api/auth/get-session", {{"Cookie", cookie}});
        CPPUNIT_ASSERT_EQUAL(std::string("admin@example.test"),
                             session.json()["user"]["email"].get<std::string>());
        // A cookie's token is no bearer token.
        std::string token = cookie.substr(cookie.find('=') + 1);
        token = token.substr(0, token.find('.'));
        CPPUNIT_ASSERT_EQUAL(401,
                             http.request("GET", "/api/jobs", {{"Authorization", "Bearer " + token}}).status);
    }

    void signOutKillsTheSessionAtOnce() {
        World& w = world();
        std::string token = w.signInAs("editor");
        CPPUNIT_ASSERT_EQUAL(200, w.as(token, "GET", "/api/jobs").status);
        Answer out = w.as(token, "POST", "/api/auth/sign-out");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(out.body, 200, out.status);
        CPPUNIT_ASSERT_EQUAL(401, w.as(token, "GET", "/api/jobs").status);
        Answer wrong = w.as("", "POST", "/api/auth/sign-in/email",
                            {{"email", "admin@example.test"}, {"password", "wrong wrong"}});
        Answer unknown = w.as("", "POST", "/api/auth/sign-in/email",
                              {{"email", "nobody@example.test"}, {"password", "wrong wrong"}});
        CPPUNIT_ASSERT_EQUAL(401, wrong.status);
        CPPUNIT_ASSERT_EQUAL(std::string("Bearer"), wrong.field("www-authenticate"));
        Json a = wrong.json(), b = unknown.json();
        a.erase("requestId"), b.erase("requestId");
        CPPUNIT_ASSERT_EQUAL(toText(a), toText(b));
    }

    void setupHappensOnce() {
        World& w = world();
        w.token();
        Answer again =
            w.as("", "POST", "/api/auth/setup",
                 {{"token", std::string(32, 'x')}, {"email", "b@example.test"}, {"password", "long enough"}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(again.body, 409, again.status);
        CPPUNIT_ASSERT_EQUAL(std::string("SETUP_DONE"), again.code());
    }

    void theTriggerGuideNamesThePortThatIsServed() {
        World w("", false);
        std::filesystem::create_directory(w.folder() + "/conf.d");
        std::ofstream(w.folder() + "/conf.d/50-port.conf") << "[http]\nport = 0\n";
        w.start();
        const std::string path = "/api/jobs/" + w.createJob({"true"}) + "/trigger";
        const Json guide = w.admin("GET", path).json()["trigger"];
        const std::string url = guide["url"];
        CPPUNIT_ASSERT_EQUAL("http://127.0.0.1:" + std::to_string(w.port()) + path, url);
        CPPUNIT_ASSERT(guide["curl"].get<std::string>().ends_with(" " + url));
    }

    void listsArePagedByCursor() {
        World& w = world();
        for (int i = 0; i < 5; ++i) w.createJob({});
        for (const char* list : {"/api/jobs", "/api/tests", "/api/runs"})
            expect(w.admin("GET", std::string(list) + "?cursor=nonsense"), 400, "Invalid request");
        std::size_t seen = 0;
        std::string cursor;
        std::string last;
        do {
            Json page =
                w.admin("GET", "/api/jobs?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor)).json();
            seen += page.at("jobs").size();
            for (const Json& job : page["jobs"]) {
                CPPUNIT_ASSERT(last <= job["createdAt"].get<std::string>());
                last = job["createdAt"].get<std::string>();
            }
            cursor = page.at("nextCursor").is_null() ? "" : page["nextCursor"].get<std::string>();
        } while (!cursor.empty());
        CPPUNIT_ASSERT_EQUAL(w.admin("GET", "/api/jobs?limit=200").json().at("jobs").size(), seen);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("GET", "/api/jobs?limit=201").status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("GET", "/api/runs?status=maybe").status);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ManagementContractTest);
