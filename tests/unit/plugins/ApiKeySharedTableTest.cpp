#include "ApiKeyFixture.h"

using namespace usher::test;

/// Tables `apikey` that another application made first (tests/interop asks the real one).
class ApiKeySharedTableTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeySharedTableTest);
    CPPUNIT_TEST(camelCaseIsExtendedAndServed);
    CPPUNIT_TEST(theOlderOwnerColumnIsServed);
    CPPUNIT_TEST(snakeCaseIsExtendedAndServed);
    CPPUNIT_TEST(whatCannotBeSharedIsSaidAtStart);
    CPPUNIT_TEST_SUITE_END();

    /// As better-auth's own migration writes it, with one column's name or type put in another's place.
    static void makeTable(ApiKeyWorld& world, bool camel, const std::string& owner,
                          const std::string& from = "", const std::string& to = "") {
        std::string columns =
            "id text NOT NULL PRIMARY KEY, name text, start text, prefix text, \"key\" text "
            "NOT NULL, OWNER text NOT NULL, "
            "refill_interval integer, refill_amount integer, last_refill_at DATE, enabled "
            "BOOL, rate_limit_enabled BOOL, "
            "rate_limit_time_window integer, rate_limit_max integer, request_count "
            "integer, remaining integer, last_request DATE, "
            "expires_at DATE, created_at DATE NOT NULL, updated_at DATE NOT NULL, "
            "permissions text, metadata text";
        auto replace = [&](const std::string& what, const std::string& with) {
            for (std::size_t at = 0; (at = columns.find(what, at)) != std::string::npos; at += with.size())
                columns.replace(at, what.size(), with);
        };
        replace("OWNER", owner);
        if (!from.empty()) replace(from, to);
        replace("DATE", world.postgres() ? "timestamptz" : "date");
        replace("BOOL", world.postgres() ? "boolean" : "integer");
        std::string sql;
        for (std::size_t i = 0; i < columns.size(); ++i)
            if (camel && columns[i] == '_' && i + 1 < columns.size())
                sql += static_cast<char>(columns[++i] - 'a' + 'A');
            else
                sql += columns[i];
        for (const char* name : {"refillInterval", "refillAmount", "lastRefillAt", "rateLimitEnabled",
                                 "rateLimitTimeWindow", "rateLimitMax", "requestCount", "lastRequest",
                                 "expiresAt", "createdAt", "updatedAt", "referenceId", "userId"})
            for (std::size_t at = 0; (at = sql.find(name, at)) != std::string::npos;
                 at += std::string(name).size() + 2)
                sql.insert(at, "\"").insert(at + std::string(name).size() + 1, "\"");
        execute(world.url, "CREATE TABLE apikey (" + sql + ")");
    }

    static void serves(ApiKeyWorld& world, const std::string& createdAt, const std::string& owner) {
        auto node = world.node();
        const std::string foreign(64, 'q');
        const std::string now = world.postgres() ? "now()" : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
        execute(world.url, "INSERT INTO apikey (id, \"key\", " + owner + ", " + createdAt +
                               ", permissions) VALUES ('f', '" +
                               usher::plugin::toBase64Url(usher::plugin::sha256(foreign)) + "', 'u1', " +
                               now + ", " + now + ", '{\"jobs\":[\"trigger:" + kJob + "\"]}')");
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW), node->ask(triggerBy(foreign)).decision);
        CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"),
                             node->ask(triggerBy(foreign, kOtherJob)).code);
        const Json key = created(*node, R"({"name":"ours","remaining":1,"expiresIn":60})");
        CPPUNIT_ASSERT_EQUAL(std::string("1"), world.value("SELECT count(*) FROM apikey WHERE " + owner +
                                                           " IS NOT NULL AND name = 'ours'"));
        const std::string secret = key["key"].get<std::string>();
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW), node->ask(triggerBy(secret)).decision);
        CPPUNIT_ASSERT_EQUAL(std::string("USAGE_EXCEEDED"), node->ask(triggerBy(secret)).code);
        const std::string path = keysPath() + "/" + key["id"].get<std::string>();
        CPPUNIT_ASSERT_EQUAL(201, node->request("POST", path + "/rotate", "{}").status);
        CPPUNIT_ASSERT_EQUAL(200, node->request("PATCH", path, R"({"enabled":false})").status);
        CPPUNIT_ASSERT_EQUAL(200, node->request("DELETE", path, "").status);
        node.reset();
        world.node(); // the second start finds its own work
    }

    void camelCaseIsExtendedAndServed() {
        onEachDatabase([](ApiKeyWorld& world) {
            makeTable(world, true, "reference_id");
            serves(world, "\"createdAt\", \"updatedAt\"", "\"referenceId\"");
        });
    }

    void theOlderOwnerColumnIsServed() {
        onEachDatabase([](ApiKeyWorld& world) {
            makeTable(world, true, "user_id");
            serves(world, "\"createdAt\", \"updatedAt\"", "\"userId\"");
        });
    }

    void snakeCaseIsExtendedAndServed() {
        onEachDatabase([](ApiKeyWorld& world) {
            makeTable(world, false, "user_id");
            serves(world, "created_at, updated_at", "user_id");
        });
    }

    static std::string refusal(ApiKeyWorld& world, const std::string& from, const std::string& to) {
        execute(world.url, "DROP TABLE IF EXISTS apikey");
        makeTable(world, true, "reference_id", from, to);
        try {
            world.node();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    }

    void whatCannotBeSharedIsSaidAtStart() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto says = [&](const std::string& from, const std::string& to, const std::string& text) {
                const std::string said = refusal(world, from, to);
                CPPUNIT_ASSERT_MESSAGE(said, said.find(text) != std::string::npos);
            };
            says("permissions text", "rights text", "has no column \"permissions\"");
            says("id text", "id integer", "its ids are of type integer");
            if (!world.postgres()) says("expires_at DATE", "expires_at integer", "its times are integers");
        });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeySharedTableTest);
