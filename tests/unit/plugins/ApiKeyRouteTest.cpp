#include "ApiKeyFixture.h"

#include <set>

using namespace usher::test;

/// The endpoints under /api/jobs/{id}/api-keys.
class ApiKeyRouteTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyRouteTest);
    CPPUNIT_TEST(bodiesAreReadStrictly);
    CPPUNIT_TEST(settingsAreKeptAndChanged);
    CPPUNIT_TEST(whatIsMissingIsNamed);
    CPPUNIT_TEST(everyRouteIsDescribed);
    CPPUNIT_TEST(deletingAUserKeepsTheKeysAndDeletingAJobDoesNot);
    CPPUNIT_TEST(changesAreAuditedWithoutKeyMaterial);
    CPPUNIT_TEST_SUITE_END();

    static std::string code(const Response& response) { return json(response).value("code", ""); }
    static std::string keyPath(const Json& key, const std::string& job = kJob) {
        return keysPath(job) + "/" + key["id"].get<std::string>();
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
