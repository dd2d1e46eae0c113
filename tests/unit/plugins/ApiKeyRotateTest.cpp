#include "ApiKeyFixture.h"

#include <set>

using namespace usher::test;

/// Keys that get a new secret, or a new form of what is stored of it: rotate and harden.
class ApiKeyRotateTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyRotateTest);
    CPPUNIT_TEST(aRotatedKeyHasTheSameSettings);
    CPPUNIT_TEST(aKeyThatNeverExpiresIsFollowedByOne);
    CPPUNIT_TEST(aReplacedKeyIsNotRotatedAgain);
    CPPUNIT_TEST(onceItsReplacementIsGoneAKeyIsRotatedAgain);
    CPPUNIT_TEST(anotherKeyMayBearTheRetiredName);
    CPPUNIT_TEST(whatAnotherProgramGaveAKeyIsRotatedToo);
    CPPUNIT_TEST(hardeningRewritesWhatItKnows);
    CPPUNIT_TEST(hardeningGoesOnInPieces);
    CPPUNIT_TEST_SUITE_END();

    static std::string keyPath(const Json& key, const std::string& job = kJob) {
        return keysPath(job) + "/" + key["id"].get<std::string>();
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
    void aKeyThatNeverExpiresIsFollowedByOne() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json old = created(*node, R"({"name":"a"})");
            CPPUNIT_ASSERT(old["expiresAt"].is_null());
            Response response = node->request("POST", keyPath(old) + "/rotate");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 201, response.status);
            CPPUNIT_ASSERT_EQUAL(std::string("null"), json(response)["apiKey"]["expiresAt"].dump());
        });
    }
    static Response rotated(FakePluginHost& node, const Json& key) {
        return node.request("POST", keyPath(key) + "/rotate", R"({"graceSeconds":600})");
    }
    static std::size_t keys(FakePluginHost& node) {
        return json(node.request("GET", keysPath()))["apiKeys"].size();
    }
    void aReplacedKeyIsNotRotatedAgain() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            std::size_t expected = 0;
            // 81 characters and the mark are 100; longer names are cut, also between characters of many
            // bytes.
            for (const std::string& name :
                 {std::string("ab"), std::string(81, 'x'), std::string(100, 'y'), [] {
                      std::string umlauts;
                      for (int i = 0; i < 100; ++i) umlauts += "\u00fc";
                      return umlauts;
                  }()}) {
                const Json old = created(*node, Json{{"name", name}}.dump());
                const Response first = rotated(*node, old);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(first.body, 201, first.status);
                CPPUNIT_ASSERT_EQUAL(name, json(first)["apiKey"]["name"].get<std::string>());
                expected += 2;
                for (int again = 0; again < 2; ++again) {
                    const Response refused = rotated(*node, old);
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(refused.body, 409, refused.status);
                    CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_ALREADY_ROTATED"),
                                         json(refused)["code"].get<std::string>());
                }
                CPPUNIT_ASSERT_EQUAL(expected, keys(*node));
            }
        });
    }
    void onceItsReplacementIsGoneAKeyIsRotatedAgain() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json old = created(*node, R"({"name":"deploy"})");
            for (int i = 0; i < 8; ++i) {
                const Response response = rotated(*node, old);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 201, response.status);
                const Json fresh = json(response)["apiKey"];
                CPPUNIT_ASSERT_EQUAL(std::string("deploy"), fresh["name"].get<std::string>());
                CPPUNIT_ASSERT_EQUAL(200, node->request("DELETE", keyPath(fresh)).status);
            }
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, keys(*node));
        });
    }
    void anotherKeyMayBearTheRetiredName() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const Json old = created(*node, R"({"name":"deploy"})");
            const std::string mark = "deploy (rotated " + old["id"].get<std::string>().substr(0, 8);
            created(*node, Json{{"name", mark + ")"}}.dump());
            created(*node, Json{{"name", mark + " 2)"}}.dump());
            const Response response = rotated(*node, old);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 201, response.status);
            CPPUNIT_ASSERT_EQUAL(std::string("deploy"), json(response)["apiKey"]["name"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(mark + " 3)", world.value("SELECT name FROM apikey WHERE id = '" +
                                                           old["id"].get<std::string>() + "'"));
            CPPUNIT_ASSERT_EQUAL(409, rotated(*node, old).status);
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
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyRotateTest);
