#include "ApiKeyFixture.h"

#include <atomic>
#include <set>

using namespace usher::test;

/// Keys are made: what is shown once, how many a job may have, one name once.
class ApiKeyCreateTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyCreateTest);
    CPPUNIT_TEST(aNewKeyIsShownOnceAndWorks);
    CPPUNIT_TEST(newKeysCarryAChecksum);
    CPPUNIT_TEST(twentyAtOnceMakeTen);
    CPPUNIT_TEST(oneNameIsGivenOnce);
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
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyCreateTest);
