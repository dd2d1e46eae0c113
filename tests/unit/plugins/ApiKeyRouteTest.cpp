#include "ApiKeyFixture.h"

#include <atomic>
#include <set>

using namespace usher::test;

/// The endpoints under /api/jobs/{id}/api-keys.
class ApiKeyRouteTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyRouteTest);
    CPPUNIT_TEST(aNewKeyIsShownOnceAndWorks);
    CPPUNIT_TEST(newKeysCarryAChecksum);
    CPPUNIT_TEST(bodiesAreReadStrictly);
    CPPUNIT_TEST(settingsAreKeptAndChanged);
    CPPUNIT_TEST(whatIsMissingIsNamed);
    CPPUNIT_TEST(twentyAtOnceMakeTen);
    CPPUNIT_TEST(oneNameIsGivenOnce);
    CPPUNIT_TEST(aRotatedKeyHasTheSameSettings);
    CPPUNIT_TEST(whatAnotherProgramGaveAKeyIsRotatedToo);
    CPPUNIT_TEST(hardeningRewritesWhatItKnows);
    CPPUNIT_TEST(hardeningGoesOnInPieces);
    CPPUNIT_TEST(everyRouteIsDescribed);
    CPPUNIT_TEST(deletingAUserKeepsTheKeysAndDeletingAJobDoesNot);
    CPPUNIT_TEST(changesAreAuditedWithoutKeyMaterial);
    CPPUNIT_TEST_SUITE_END();

    static std::string code(const Response& response) { return json(response).value("code", ""); }
    static std::string keyPath(const Json& key, const std::string& job = kJob) {
        return keysPath(job) + "/" + key["id"].get<std::string>();
    }

    void aNewKeyIsShownOnceAndWorks() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Response response = node->request("POST", keysPath(), R"({"name": "  deploy  "})");
            CPPUNIT_ASSERT_EQUAL(201, response.status);
            CPPUNIT_ASSERT_EQUAL(std::string("Cache-Control"), response.headers.at(0).first);
            const Json body = json(response), key = body["apiKey"];
            CPPUNIT_ASSERT(body["success"] == true);
            const std::string secret = key["key"];
            std::set<std::string> fields;
            for (const auto& [name, value] : key.items()) fields.insert(name);
            CPPUNIT_ASSERT(
                (fields == std::set<std::string>{"id", "name", "start", "enabled", "createdAt", "updatedAt",
                                                 "expiresAt", "lastRequest", "requestCount", "jobId",
                                                 "createdByName", "rateLimit", "remaining",
                                                 "allowedAddresses", "key"}));
            CPPUNIT_ASSERT_EQUAL(std::string("deploy"), key["name"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(secret.substr(0, 8), key["start"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("Ada"), key["createdByName"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(kJob, key["jobId"].get<std::string>());
            CPPUNIT_ASSERT(key["enabled"] == true && key["expiresAt"].is_null() &&
                           key["lastRequest"].is_null());
            CPPUNIT_ASSERT((key["rateLimit"] == Json{{"max", 100}, {"windowSeconds", 60}}));
            const std::string created = key["createdAt"];
            CPPUNIT_ASSERT(created.size() == 24 && created[10] == 'T' && created[19] == '.' &&
                           created[23] == 'Z');

            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(secret), USHER_ACCEPTED).decision);
            const Response list = node->request("GET", keysPath());
            CPPUNIT_ASSERT_EQUAL(200, list.status);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, json(list)["apiKeys"].size());
            Json listed = json(list)["apiKeys"][0], expected = key;
            expected.erase("key");
            for (const char* changing : {"lastRequest", "requestCount"})
                listed.erase(changing), expected.erase(changing);
            CPPUNIT_ASSERT_EQUAL(expected.dump(), listed.dump());
            const std::string stored = world.value("SELECT key FROM apikey");
            CPPUNIT_ASSERT_EQUAL(usher::plugin::toBase64Url(usher::plugin::sha256(secret)), stored);
            CPPUNIT_ASSERT(list.body.find(stored) == std::string::npos &&
                           list.body.find(secret) == std::string::npos);
            CPPUNIT_ASSERT_EQUAL("{\"jobs\":[\"trigger:" + kJob + "\"]}",
                                 world.value("SELECT permissions FROM apikey"));
            CPPUNIT_ASSERT_EQUAL(std::string("job"), world.value("SELECT prefix FROM apikey"));
        });
    }
    void newKeysCarryAChecksum() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const std::string digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        std::set<std::string> seen;
        for (int i = 0; i < 10; ++i) {
            const std::string key = created(*node, R"({"name":"k)" + std::to_string(i) + "\"}")["key"];
            CPPUNIT_ASSERT_EQUAL(std::size_t{64}, key.size());
            CPPUNIT_ASSERT(key.starts_with("job_") && key.find_first_not_of(digits, 4) == std::string::npos);
            std::uint32_t crc = 0xFFFFFFFF; // bit by bit, unlike the plugin's table
            for (const char c : key.substr(0, 58))
                for (int bit = 0; bit < 8; ++bit) {
                    const bool low = ((crc ^ static_cast<unsigned char>(c) >> bit) & 1) != 0;
                    crc = (crc >> 1) ^ (low ? 0xEDB88320 : 0);
                }
            std::uint64_t value = 0;
            for (const char c : key.substr(58)) value = value * 62 + digits.find(c);
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{static_cast<std::uint32_t>(~crc)}, value);
            CPPUNIT_ASSERT(seen.insert(key).second);
        }
    }
    void bodiesAreReadStrictly() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string ok = R"("name":"ok")";
            const std::vector<std::pair<std::string, std::string>> wrong{
                {"", ""},
                {"[]", ""},
                {"{", ""},
                {R"({"name":"a","name":"b"})", ""},
                {R"({"name":"a\u0000"})", ""},
                {"{}", "name"},
                {R"({"name":""})", "name"},
                {R"({"name":"   "})", "name"},
                {R"({"name":7})", "name"},
                {R"({"name":null})", "name"},
                {R"({"name":")" + std::string(101, 'x') + "\"}", "name"},
                {"{" + ok + R"(,"expiresIn":59})", "expiresIn"},
                {"{" + ok + R"(,"expiresIn":31536001})", "expiresIn"},
                {"{" + ok + R"(,"expiresIn":60.5})", "expiresIn"},
                {"{" + ok + R"(,"expiresIn":"60"})", "expiresIn"},
                {"{" + ok + R"(,"remaining":-1})", "remaining"},
                {"{" + ok + R"(,"remaining":true})", "remaining"},
                {"{" + ok + R"(,"rateLimit":{}})", "rateLimit.max"},
                {"{" + ok + R"(,"rateLimit":{"max":10001,"windowSeconds":60}})", "rateLimit.max"},
                {"{" + ok + R"(,"rateLimit":{"max":0,"windowSeconds":60}})", "rateLimit.max"},
                {"{" + ok + R"(,"rateLimit":{"max":1,"windowSeconds":86401}})", "rateLimit.windowSeconds"},
                {"{" + ok + R"(,"rateLimit":{"max":1,"windowSeconds":60,"x":1}})", "rateLimit.x"},
                {"{" + ok + R"(,"rateLimit":100})", "rateLimit"},
                {"{" + ok + R"(,"allowedAddresses":"10.0.0.1"})", "allowedAddresses"},
                {"{" + ok + R"(,"allowedAddresses":[]})", "allowedAddresses"},
                {"{" + ok + R"(,"allowedAddresses":["10.0.0.1/33"]})", "allowedAddresses"},
                {"{" + ok + R"(,"metadata":"x"})", "metadata"},
                {"{" + ok + R"(,"enabled":true})", "enabled"},
                {"{" + ok + R"(,"key":"job_x"})", "key"}};
            for (const auto& [body, field] : wrong) {
                const Response response = node->request("POST", keysPath(), body);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 400, response.status);
                const Json answer = json(response);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, std::string("Invalid request body"),
                                             answer["error"].get<std::string>());
                CPPUNIT_ASSERT_EQUAL(std::string("INVALID_BODY"), answer["code"].get<std::string>());
                CPPUNIT_ASSERT_EQUAL(std::string("req-1"), answer["requestId"].get<std::string>());
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, field, answer["details"][0]["field"].get<std::string>());
            }
            CPPUNIT_ASSERT_EQUAL(std::string("0"), world.value("SELECT count(*) FROM apikey"));
            CPPUNIT_ASSERT_EQUAL(
                201,
                node->request("POST", keysPath(), "{\"name\":\"" + std::string(100, 'x') + "\"}").status);
            const std::string nasty = R"({"name":"'; DROP TABLE apikey; -- \" \\ é"})";
            CPPUNIT_ASSERT_EQUAL(std::string("'; DROP TABLE apikey; -- \" \\ é"),
                                 created(*node, nasty)["name"].get<std::string>());
            const Json key = json(node->request("GET", keysPath()))["apiKeys"][0];
            for (const char* body : {"{}", R"({"metadata":{}})", R"({"enabled":1})", R"({"name":""})"})
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 400, node->request("PATCH", keyPath(key), body).status);
            for (const char* body :
                 {R"({"graceSeconds":-1})", R"({"graceSeconds":604801})", R"({"x":1})", "[]"})
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 400,
                                             node->request("POST", keyPath(key) + "/rotate", body).status);
        });
    }
    void settingsAreKeptAndChanged() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json key =
                created(*node, R"({"name":"a","expiresIn":3600,"rateLimit":{"max":7,"windowSeconds":86400},
                "remaining":5,"allowedAddresses":["127.0.0.1","2001:db8::/32"],"metadata":{"team":"x"}})");
            CPPUNIT_ASSERT(key["expiresAt"].is_string() && key["remaining"] == 5);
            CPPUNIT_ASSERT((key["rateLimit"] == Json{{"max", 7}, {"windowSeconds", 86400}}));
            CPPUNIT_ASSERT((key["allowedAddresses"] == Json{"127.0.0.1", "2001:db8::/32"}));
            CPPUNIT_ASSERT_EQUAL(std::string("{\"team\":\"x\"}"), world.value("SELECT metadata FROM apikey"));
            const std::string secret = key["key"];
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(secret), USHER_ACCEPTED).decision);

            auto patch = [&](const std::string& body) {
                const Response response = node->request("PATCH", keyPath(key), body);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 200, response.status);
                CPPUNIT_ASSERT(!json(response)["apiKey"].contains("key"));
                return json(response)["apiKey"];
            };
            CPPUNIT_ASSERT(patch(R"({"enabled":false})")["enabled"] == false);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_DISABLED"), node->ask(triggerBy(secret)).code);
            const Json cleared = patch(
                R"({"enabled":true,"name":"b","expiresIn":null,"rateLimit":null,"remaining":null,"allowedAddresses":null})");
            for (const char* field : {"expiresAt", "rateLimit", "remaining", "allowedAddresses"})
                CPPUNIT_ASSERT_MESSAGE(field, cleared[field].is_null());
            CPPUNIT_ASSERT_EQUAL(std::string("b"), cleared["name"].get<std::string>());
            CPPUNIT_ASSERT(
                node->askAndSettle(triggerBy(secret), USHER_ACCEPTED).header("RateLimit-Limit").empty());
            const Json again =
                patch(R"({"expiresIn":60,"rateLimit":{"max":1,"windowSeconds":1},"remaining":0})");
            CPPUNIT_ASSERT(again["expiresAt"].is_string() && again["remaining"] == 0 &&
                           again["rateLimit"]["max"] == 1);
            CPPUNIT_ASSERT_EQUAL(std::string("b"), again["name"].get<std::string>());
            CPPUNIT_ASSERT(
                json(node->request("GET", keysPath()))["apiKeys"][0]["allowedAddresses"].is_null());
            const Response gone = node->request("DELETE", keyPath(key));
            CPPUNIT_ASSERT_EQUAL(std::string(R"({"success":true,"message":"API key deleted successfully"})"),
                                 gone.body);
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), node->ask(triggerBy(secret)).code);
        });
    }
    void whatIsMissingIsNamed() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string nobody = "0190a0b0-0000-7000-8000-0000000000ff";
            const Json key = created(*node, R"({"name":"a"})");
            const std::vector<std::pair<std::string, std::string>> all{
                {"GET", ""}, {"POST", ""}, {"PATCH", "/x"}, {"DELETE", "/x"}, {"POST", "/x/rotate"}};
            for (const auto& [method, rest] : all) {
                const std::string body = rest.ends_with("rotate") ? ""
                                         : method == "PATCH"      ? R"({"enabled":true})"
                                                                  : R"({"name":"n"})";
                Response response = node->request(method, keysPath("not-a-uuid") + rest, body);
                CPPUNIT_ASSERT_EQUAL(400, response.status);
                CPPUNIT_ASSERT_EQUAL(std::string("INVALID_JOB_ID"), code(response));
                response = node->request(method, keysPath(nobody) + rest, body);
                CPPUNIT_ASSERT_EQUAL(404, response.status);
                CPPUNIT_ASSERT_EQUAL(std::string("JOB_NOT_FOUND"), code(response));
                if (rest.empty()) continue;
                for (const std::string& path :
                     {keysPath() + rest,
                      keysPath(kOtherJob) + "/" + key["id"].get<std::string>() + rest.substr(2)}) {
                    response = node->request(method, path, body);
                    CPPUNIT_ASSERT_EQUAL(404, response.status);
                    CPPUNIT_ASSERT_EQUAL(std::string("API key not found"),
                                         json(response)["error"].get<std::string>());
                    CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_FOUND"), code(response));
                }
            }
            std::string upper = kJob;
            for (char& c : upper) c = static_cast<char>(std::toupper(c));
            CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                                 json(node->request("GET", keysPath(upper)))["apiKeys"].size());
            CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                                 json(node->request("GET", keysPath(kOtherJob)))["apiKeys"].size());
        });
    }
    void twentyAtOnceMakeTen() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            std::atomic<int> made = 0, tooMany = 0;
            std::vector<std::thread> clients;
            for (int i = 0; i < 20; ++i)
                clients.emplace_back([&, i] {
                    const Response response =
                        (i % 2 ? a : b)
                            ->request("POST", keysPath(), R"({"name":"k)" + std::to_string(i) + "\"}");
                    if (response.status == 201) ++made;
                    if (response.status == 409 &&
                        json(response)["error"] == "Maximum of 10 API keys per job reached" &&
                        code(response) == "API_KEY_LIMIT_REACHED")
                        ++tooMany;
                });
            for (std::thread& client : clients) client.join();
            CPPUNIT_ASSERT_EQUAL(10, made.load());
            CPPUNIT_ASSERT_EQUAL(10, tooMany.load());
            const Json keys = json(a->request("GET", keysPath()))["apiKeys"];
            CPPUNIT_ASSERT_EQUAL(std::size_t{10}, keys.size());
            for (std::size_t i = 1; i < keys.size(); ++i)
                CPPUNIT_ASSERT_MESSAGE("oldest first", keys[i - 1]["createdAt"] <= keys[i]["createdAt"]);
            CPPUNIT_ASSERT_EQUAL(409, a->request("POST", keyPath(keys[0]) + "/rotate").status);
        });
    }
    void oneNameIsGivenOnce() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            std::atomic<int> made = 0, taken = 0;
            std::vector<std::thread> clients;
            for (int i = 0; i < 8; ++i)
                clients.emplace_back([&, i] {
                    const Response response =
                        (i % 2 ? a : b)->request("POST", keysPath(), R"({"name":"same"})");
                    if (response.status == 201) ++made;
                    if (response.status == 409 &&
                        json(response)["error"] == "An API key with this name already exists for this job" &&
                        code(response) == "API_KEY_NAME_EXISTS")
                        ++taken;
                });
            for (std::thread& client : clients) client.join();
            CPPUNIT_ASSERT_EQUAL(1, made.load());
            CPPUNIT_ASSERT_EQUAL(7, taken.load());
            CPPUNIT_ASSERT_EQUAL(201, a->request("POST", keysPath(kOtherJob), R"({"name":"same"})").status);
            const Json other = created(*a, R"({"name":"other"})");
            CPPUNIT_ASSERT_EQUAL(409, a->request("PATCH", keyPath(other), R"({"name":"same"})").status);
            CPPUNIT_ASSERT_EQUAL(200, a->request("PATCH", keyPath(other), R"({"name":"other"})").status);
        });
    }
    void aRotatedKeyHasTheSameSettings() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json old =
                created(*node, R"({"name":"a","expiresIn":3600,"rateLimit":{"max":7,"windowSeconds":10},
                "remaining":5,"allowedAddresses":["127.0.0.1"]})");
            Response response = node->request("POST", keyPath(old) + "/rotate", R"({"graceSeconds":600})");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 201, response.status);
            const Json fresh = json(response)["apiKey"];
            for (const char* field : {"name", "rateLimit", "remaining", "allowedAddresses", "enabled"})
                CPPUNIT_ASSERT_EQUAL_MESSAGE(field, old[field].dump(), fresh[field].dump());
            CPPUNIT_ASSERT(fresh["expiresAt"].is_string() && fresh["id"] != old["id"] &&
                           fresh["key"] != old["key"]);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 node->askAndSettle(triggerBy(old["key"]), USHER_ABANDONED).decision);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 node->askAndSettle(triggerBy(fresh["key"]), USHER_ABANDONED).decision);
            response = node->request("POST", keyPath(fresh) + "/rotate");
            CPPUNIT_ASSERT_EQUAL(201, response.status);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_EXPIRED"), node->ask(triggerBy(fresh["key"])).code);
            CPPUNIT_ASSERT_EQUAL(
                USHER_ALLOW,
                node->askAndSettle(triggerBy(json(response)["apiKey"]["key"]), USHER_ABANDONED).decision);
            const Json keys = json(node->request("GET", keysPath()))["apiKeys"];
            CPPUNIT_ASSERT_EQUAL(std::size_t{3}, keys.size());
            std::set<std::string> names;
            for (const Json& key : keys) names.insert(key["name"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::size_t{3}, names.size());
        });
    }
    void whatAnotherProgramGaveAKeyIsRotatedToo() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json old = created(*node, R"({"name":"a","metadata":{"team":"x"}})");
            const std::string permissions = R"({"jobs":["trigger:)" + kJob + R"(","read:)" + kJob + R"("]})";
            world.set(old["id"], "permissions = '" + permissions +
                                     "', refill_interval = 60000, refill_amount = 9, remaining = 4");
            const Response response = node->request("POST", keyPath(old) + "/rotate");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 201, response.status);
            const std::string fresh = json(response)["apiKey"]["id"];
            auto value = [&](const std::string& column) {
                return world.value("SELECT " + column + " FROM apikey WHERE id = '" + fresh + "'");
            };
            CPPUNIT_ASSERT_EQUAL(permissions, value("permissions"));
            CPPUNIT_ASSERT_EQUAL(std::string("60000"), value("refill_interval"));
            CPPUNIT_ASSERT_EQUAL(std::string("9"), value("refill_amount"));
            CPPUNIT_ASSERT_EQUAL(std::string("4"), value("remaining"));
            CPPUNIT_ASSERT_EQUAL(std::string(R"({"team":"x"})"), value("metadata"));
        });
    }
    static Json hardened(FakePluginHost& node, const std::string& body = "") {
        const Response response = node.request("POST", "/api/api-keys/harden", body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 200, response.status);
        return json(response);
    }
    void hardeningRewritesWhatItKnows() {
        onEachDatabase([](ApiKeyWorld& world) {
            using namespace usher::plugin;
            auto node = world.node();
            auto storedOf = [&](const char* id) {
                return world.value(std::string("SELECT key FROM apikey WHERE id = '") + id + "'");
            };
            const std::string today = world.insertKey("a", "job_0123456789abcdefghij");
            const std::string hex =
                world.insertKey("b", "sck_trigger_0123456789abcdef0123456789abcdef", kJob,
                                toHex(sha256("sck_trigger_0123456789abcdef0123456789abcdef")));
            const std::string clear = world.insertKey("c", "job_0123456789abcdef0123456789abcdef", kJob,
                                                      "job_0123456789abcdef0123456789abcdef");
            world.insertKey("d", "job_other_start", kJob, "$2b$10$abcdefghijklmnopqrstuv"); // not our kind
            world.insertKey("e", today, kJob, toHex(sha256(today))); // the digest of row a
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), node->ask(triggerBy(clear)).code);

            const Json first = hardened(*node);
            CPPUNIT_ASSERT_EQUAL(std::string(R"({"clear":1,"hex":1})"), first["rewritten"].dump());
            CPPUNIT_ASSERT_EQUAL(1, first["unchanged"].get<int>());
            CPPUNIT_ASSERT_EQUAL(std::string(R"(["d","e"])"), first["skipped"].dump());
            CPPUNIT_ASSERT(first["nextCursor"].is_null());
            CPPUNIT_ASSERT_EQUAL(toBase64Url(sha256(hex)), storedOf("b"));
            CPPUNIT_ASSERT_EQUAL(toBase64Url(sha256(clear)), storedOf("c"));
            for (const std::string& key : {today, hex, clear})
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            const Json second = hardened(*node, "{}");
            CPPUNIT_ASSERT_EQUAL(std::string(R"({"clear":0,"hex":0})"), second["rewritten"].dump());
            CPPUNIT_ASSERT_EQUAL(3, second["unchanged"].get<int>());
            const auto audit = node->audit();
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, audit.size());
            CPPUNIT_ASSERT_EQUAL(std::string("user:u1 key.harden keys allowed hex=1 clear=1"), audit[0]);
            for (const char* body : {R"({"cursor":7})", R"({"x":1})", "[]"})
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 400,
                                             node->request("POST", "/api/api-keys/harden", body).status);
        });
    }
    void hardeningGoesOnInPieces() {
        onEachDatabase([](ApiKeyWorld& world) {
            using namespace usher::plugin;
            auto node = world.node();
            std::string rows;
            for (int i = 0; i < 350; ++i) {
                const std::string id = "k" + std::to_string(1000 + i), key = "job_of_another_program_" + id;
                rows += (rows.empty() ? "('" : ", ('") + id + "', '" + id + "', 'job_of_a', '" +
                        (i % 2 ? key : toHex(sha256(key))) + "', '" + kJob + "')";
            }
            execute(world.url, "INSERT INTO apikey (id, name, start, key, job_id) VALUES " + rows);
            int pieces = 0, hex = 0, clear = 0;
            Json cursor = nullptr;
            do {
                const Json answer = hardened(*node, Json{{"cursor", cursor}}.dump());
                hex += answer["rewritten"]["hex"].get<int>();
                clear += answer["rewritten"]["clear"].get<int>();
                cursor = answer["nextCursor"];
            } while (cursor.is_string() && ++pieces < 20);
            CPPUNIT_ASSERT_EQUAL(175, hex);
            CPPUNIT_ASSERT_EQUAL(175, clear);
            CPPUNIT_ASSERT_EQUAL(3, pieces);
            CPPUNIT_ASSERT_EQUAL(std::string("350"),
                                 world.value("SELECT count(*) FROM apikey WHERE length(key) = 43"));
        });
    }
    void everyRouteIsDescribed() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const auto parsed = usher::plugin::parseJson(node->openapiPaths());
        CPPUNIT_ASSERT(std::holds_alternative<Json>(parsed));
        const Json paths = std::get<Json>(parsed);
        std::set<std::string> described;
        for (const auto& [path, operations] : paths.items())
            for (const auto& [method, operation] : operations.items()) {
                described.insert(method + " " + path);
                CPPUNIT_ASSERT(operation["responses"].contains("403") &&
                               operation["operationId"].is_string());
            }
        CPPUNIT_ASSERT((described == node->routes()));
        // What is answered is what is described, to the field.
        const Json key = created(*node, R"({"name":"a"})");
        const Json& schema = paths["/api/jobs/{id}/api-keys"]["post"]["responses"]["201"]["content"]
                                  ["application/json"]["schema"]["properties"]["apiKey"]["properties"];
        std::set<std::string> said, answered;
        for (const auto& [name, property] : schema.items()) said.insert(name);
        for (const auto& [name, value] : key.items()) answered.insert(name);
        CPPUNIT_ASSERT((said == answered));
    }
    void deletingAUserKeepsTheKeysAndDeletingAJobDoesNot() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json key = created(*node, R"({"name":"a"})");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 node->askAndSettle(triggerBy(key["key"]), USHER_ACCEPTED).decision);
            execute(world.url, "DELETE FROM \"user\"");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 node->askAndSettle(triggerBy(key["key"]), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(
                std::string("-"),
                json(node->request("GET", keysPath()))["apiKeys"][0]["createdByName"].get<std::string>());
            execute(world.url, "DROP TABLE \"user\"");
            CPPUNIT_ASSERT_EQUAL(200, node->request("GET", keysPath()).status);
            execute(world.url, "DELETE FROM jobs");
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), node->ask(triggerBy(key["key"])).code);
            CPPUNIT_ASSERT_EQUAL(std::string("0"), world.value("SELECT count(*) FROM apikey_spend"));
        });
    }
    void changesAreAuditedWithoutKeyMaterial() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const Json key = created(*node, R"({"name":"a"})");
        const std::string id = key["id"], secret = key["key"];
        node->request("PATCH", keyPath(key), R"({"enabled":false,"name":"b"})");
        const Json fresh = json(node->request("POST", keyPath(key) + "/rotate"))["apiKey"];
        node->request("DELETE", keyPath(key));
        node->request("DELETE", keyPath(key)); // 404: changes nothing
        node->ask(triggerBy(secret));
        const auto audit = node->audit();
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, audit.size());
        const std::string resource = " job:" + kJob + " key:" + id + " allowed ";
        CPPUNIT_ASSERT(audit[0].starts_with("user:u1 key.create" + resource));
        CPPUNIT_ASSERT_EQUAL("user:u1 key.update" + resource + "enabled=false, name", audit[1]);
        CPPUNIT_ASSERT(audit[2].starts_with("user:u1 key.update" + resource +
                                            "rotated to key:" + fresh["id"].get<std::string>()));
        CPPUNIT_ASSERT(audit[3].starts_with("user:u1 key.delete" + resource));
        std::string all = node->log();
        for (const std::string& line : audit) all += line;
        for (const std::string& each : {secret, fresh["key"].get<std::string>()})
            CPPUNIT_ASSERT(all.find(each.substr(0, 12)) == std::string::npos &&
                           all.find(usher::plugin::toBase64Url(usher::plugin::sha256(each))) ==
                               std::string::npos);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyRouteTest);
