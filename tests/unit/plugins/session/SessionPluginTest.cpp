#include "SessionFixture.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>

using namespace usher::test;

/// The plugin as a whole: bodies, other programs' tables, secret, audit, description, a database that is
/// away.
class SessionPluginTest : public SessionFixture {
    CPPUNIT_TEST_SUITE(SessionPluginTest);
    CPPUNIT_TEST(bodiesAreReadStrictly);
    CPPUNIT_TEST(tablesOfAnotherApplicationAreUsedInTheirOwnNaming);
    CPPUNIT_TEST(theSecretIsMadeOnSqliteOnly);
    CPPUNIT_TEST(auditRecordsSayWhoDidWhatAndNoSecret);
    CPPUNIT_TEST(theDocumentNamesEveryRouteAndNoOther);
    CPPUNIT_TEST(theSectionHasItsKeysAndNoOther);
    CPPUNIT_TEST(whatNobodyExpectedIsAnInternalError);
    CPPUNIT_TEST(withoutTheDatabaseEveryAnswerIs503);
    CPPUNIT_TEST_SUITE_END();

    void bodiesAreReadStrictly() {
        everywhere([](World& w) {
            const std::string signIn = "/api/auth/sign-in/email";
            const Headers json{{"Content-Type", "application/json; charset=utf-8"}};
            for (const std::string& body :
                 {std::string(), std::string("[]"), std::string("\"x\""), std::string("{"), std::string("{}"),
                  std::string(R"({"email":"a@b","password":"x","email":"a@b"})"),
                  std::string(R"({"email":"a@b","password":"x","admin":true})"),
                  std::string(R"({"email":["a@b"],"password":"x"})"),
                  std::string(R"({"email":{"$ne":1},"password":"x"})"),
                  std::string(R"({"email":"a@b","password":"x","rememberMe":"yes"})"),
                  std::string(R"({"email":"a@b","password":null})"),
                  std::string(R"({"email":"a\u0000@b","password":"x"})"),
                  std::string(R"({"email":"","password":"x"})"),
                  std::string("{\"email\":\"\xff\",\"password\":\"x\"}")}) {
                const Reply reply = w.node->sendRaw("POST", signIn, body, json);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 400, reply.status);
                CPPUNIT_ASSERT_EQUAL(std::string("INVALID_BODY"), reply.code);
                CPPUNIT_ASSERT_EQUAL(std::string("Invalid request body"), reply.title);
                CPPUNIT_ASSERT_MESSAGE(body, !reply.body["details"].empty());
                CPPUNIT_ASSERT_EQUAL(std::string("req-1"), reply.body["requestId"].get<std::string>());
            }
            const std::string good = R"({"email":"a@b","password":"wrong password"})";
            CPPUNIT_ASSERT_EQUAL(401, w.node->sendRaw("POST", signIn, good, json).status);
            CPPUNIT_ASSERT_EQUAL(401, w.node->sendRaw("POST", signIn, good).status);
            // What a form of another site can send without asking.
            for (const char* type : {"text/plain", "application/x-www-form-urlencoded"})
                CPPUNIT_ASSERT_EQUAL(415,
                                     w.node->sendRaw("POST", signIn, good, {{"Content-Type", type}}).status);
            CPPUNIT_ASSERT_EQUAL(
                415, w.node->sendRaw("POST", signIn, good, {{"Origin", "http://evil.example"}}).status);

            w.user("ann", "admin");
            const Headers ann = withCookie(w.cookieOf("ann@example.com"));
            const Json valid{
                {"email", "b@c.de"}, {"name", "B"}, {"password", "12345678"}, {"role", "viewer"}};
            const auto refused = [&](const std::string& field, const Json& value) {
                Json body = valid;
                if (value.is_null())
                    body.erase(field);
                else
                    body[field] = value;
                const Reply reply = w.node->send("POST", "/api/users", body, ann);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body.dump(), 400, reply.status);
                CPPUNIT_ASSERT_EQUAL(std::size_t(1), reply.body["details"].size());
                CPPUNIT_ASSERT_EQUAL(field, reply.body["details"][0]["field"].get<std::string>());
            };
            for (const char* field : {"email", "name", "password", "role"}) refused(field, nullptr);
            refused("email", "b");
            refused("password", "1234567");
            refused("password", std::string(129, 'x'));
            refused("name", "  ");
            refused("name", std::string(256, 'x'));
            refused("role", "root");
            refused("other", 1);
            CPPUNIT_ASSERT_EQUAL(400, w.node->send("PATCH", "/api/users/ann", Json::object(), ann).status);
            CPPUNIT_ASSERT_EQUAL(400,
                                 w.node->send("PATCH", "/api/users/ann", {{"email", "x@y.z"}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(201, w.node->send("POST", "/api/users", valid, ann).status);
        });
    }
    void tablesOfAnotherApplicationAreUsedInTheirOwnNaming() {
        const std::size_t kinds = TestDatabases().urls().size();
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            World w;
            w.url = w.databases.urls()[kind];
            const std::string date = isPostgres(w.url) ? "timestamptz" : "date",
                              boolean = isPostgres(w.url) ? "boolean" : "integer";
            w.sql("CREATE TABLE \"user\" (\"id\" text not null primary key, \"name\" text not null, "
                  "\"email\" text not null unique, "
                  "\"emailVerified\" " +
                  boolean + " not null, \"image\" text, \"createdAt\" " + date +
                  " default CURRENT_TIMESTAMP not null, "
                  "\"updatedAt\" " +
                  date + " default CURRENT_TIMESTAMP not null)");
            w.sql("CREATE TABLE \"session\" (\"id\" text not null primary key, \"expiresAt\" " + date +
                  " not null, \"token\" text not null unique, "
                  "\"createdAt\" " +
                  date + " default CURRENT_TIMESTAMP not null, \"updatedAt\" " + date +
                  " not null, \"ipAddress\" text, "
                  "\"userAgent\" text, \"userId\" text not null references \"user\" (\"id\") on delete "
                  "cascade)");
            w.sql("CREATE TABLE \"account\" (\"id\" text not null primary key, \"accountId\" text not null, "
                  "\"providerId\" text not null, "
                  "\"userId\" text not null references \"user\" (\"id\") on delete cascade, \"accessToken\" "
                  "text, \"refreshToken\" text, "
                  "\"idToken\" text, \"accessTokenExpiresAt\" " +
                  date + ", \"refreshTokenExpiresAt\" " + date +
                  ", \"scope\" text, "
                  "\"password\" text, \"createdAt\" " +
                  date + " default CURRENT_TIMESTAMP not null, \"updatedAt\" " + date + " not null)");
            const std::string no = isPostgres(w.url) ? "false" : "0";
            w.sql("INSERT INTO \"user\" (\"id\", \"name\", \"email\", \"emailVerified\") VALUES ('ann', "
                  "'Ann', 'ann@example.com', " +
                  no + ")");
            w.sql("INSERT INTO account (\"id\", \"accountId\", \"providerId\", \"userId\", \"password\", "
                  "\"updatedAt\") VALUES "
                  "('a', 'ann', 'credential', 'ann', '" +
                  kStored + "', " + at(w.url, 0) + ")");
            for (int starts = 0; starts < 2; ++starts) {
                w.node = nullptr;
                w.node = node(w, "node");
                w.node->up();
                CPPUNIT_ASSERT_MESSAGE("there are users: no setup",
                                       !exists(w.node->options.folder + "/setup-token"));
                const std::string cookie = w.cookieOf("ann@example.com");
                const Judged judged = w.node->check("job.list", "GET", withCookie(cookie));
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, judged.decision);
                CPPUNIT_ASSERT_EQUAL_MESSAGE("no role: the least", std::string("viewer"), judged.role);
            }
            w.sql("UPDATE \"user\" SET \"role\" = 'admin'");
            const Headers ann = withCookie(w.cookieOf("ann@example.com"));
            CPPUNIT_ASSERT_EQUAL(
                201,
                w.node
                    ->send("POST", "/api/users",
                           {{"email", "b@c.de"}, {"name", "B"}, {"password", "12345678"}, {"role", "viewer"}},
                           ann)
                    .status);
            CPPUNIT_ASSERT_EQUAL(
                std::string("1"),
                w.scalar("SELECT count(*) FROM \"user\" WHERE \"banReason\" IS NULL AND email = 'b@c.de'"));
            CPPUNIT_ASSERT_EQUAL(200, w.node->send("PATCH", "/api/users/ann", {{"name", "A"}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(409, w.node->send("POST", "/api/auth/setup", setupBody("x")).status);
        }
    }
    void theSecretIsMadeOnSqliteOnly() {
        const std::size_t kinds = TestDatabases().urls().size();
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            World w;
            w.url = w.databases.urls()[kind];
            const auto bare = [&] {
                w.node = nullptr;
                w.node = std::make_unique<SessionHost>(SessionHost::Options{
                    .url = w.url, .folder = w.databases.folder() + "/node", .config = {}});
            };
            bare();
            if (isPostgres(w.url)) {
                CPPUNIT_ASSERT_EQUAL(USHER_FAILED, w.node->create());
                CPPUNIT_ASSERT(w.node->log().back().find("secret_file") != std::string::npos);
                continue;
            }
            w.node->up();
            const std::string path = w.node->options.folder + "/plugin/session-secret";
            struct stat status {};
            CPPUNIT_ASSERT(::stat(path.c_str(), &status) == 0);
            CPPUNIT_ASSERT_EQUAL(mode_t(0600), mode_t(status.st_mode & 07777));
            w.user("ann", "viewer");
            const std::string cookie = w.cookieOf("ann@example.com");
            bare();
            w.node->up();
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check("job.list", "GET", withCookie(cookie)).decision);
            ::chmod(path.c_str(), 0644);
            bare();
            CPPUNIT_ASSERT_EQUAL_MESSAGE("others may read it", USHER_FAILED, w.node->create());
        }
    }
    void auditRecordsSayWhoDidWhatAndNoSecret() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            w.signIn("secret-typed-as-email", "wrong password");
            w.signIn("ann@example.com", "wrong password");
            const std::string cookie = w.cookieOf("ann@example.com");
            w.node->send("PATCH", "/api/users/ann", {{"name", "A"}, {"password", "new password"}},
                         withCookie(cookie));
            const std::vector<std::string> expected{"anonymous session.create  refused INVALID_CREDENTIALS ",
                                                    "user:ann session.create  refused INVALID_CREDENTIALS ",
                                                    "user:ann session.create user:ann allowed  cookie",
                                                    "user:ann user.update user:ann allowed  password name"};
            const std::vector<std::string> audit = w.node->audit();
            CPPUNIT_ASSERT_EQUAL(expected.size(), audit.size());
            for (std::size_t i = 0; i < audit.size(); ++i) CPPUNIT_ASSERT_EQUAL(expected[i], audit[i]);
        });
    }
    void theDocumentNamesEveryRouteAndNoOther() {
        World w;
        w.url = w.databases.sqlite();
        w.node = node(w, "node");
        w.node->up();
        const usher_http_routes& routes = w.node->routes();
        const Json paths = Json::parse(usher::auth::view(routes.openapi_paths));
        std::set<std::string> served, described;
        for (std::size_t i = 0; i < routes.route_count; ++i) {
            std::string method(usher::auth::view(routes.routes[i].method));
            std::transform(method.begin(), method.end(), method.begin(), [](char c) { return char(c + 32); });
            served.insert(method + " " + std::string(usher::auth::view(routes.routes[i].path)));
        }
        for (const auto& path : paths.items())
            for (const auto& method : path.value().items()) described.insert(method.key() + " " + path.key());
        CPPUNIT_ASSERT(served == described);
        CPPUNIT_ASSERT_EQUAL(routes.route_count, served.size());
    }
    void theSectionHasItsKeysAndNoOther() {
        World w;
        const auto with = [&](std::vector<std::pair<std::string, std::string>> config) {
            config.emplace_back("secret_file", "/any");
            w.node =
                std::make_unique<SessionHost>(SessionHost::Options{.url = w.databases.sqlite(),
                                                                   .folder = w.databases.folder() + "/node",
                                                                   .config = std::move(config)});
            return w.node->create();
        };
        CPPUNIT_ASSERT_EQUAL(USHER_OK, with({{"database", "shared"}, {"cookie_prefix", "mine"}}));
        std::set<std::string> keys;
        for (std::size_t i = 0; i < w.node->schema().key_count; ++i)
            keys.insert(std::string(usher::auth::view(w.node->schema().keys[i].name)));
        CPPUNIT_ASSERT(keys == (std::set<std::string>{"database", "secret_file", "cookie_prefix"}));
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"cookie_prefix", "a;b"}}));
        // Its tables are in the daemon's database: usherd hands out no other.
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"database", w.databases.sqlite() + "-other"}}));
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"database_password_file", "/any"}}));
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"typo", "1"}}));
        CPPUNIT_ASSERT(w.node->log().back().find("typo") != std::string::npos);
    }
    void whatNobodyExpectedIsAnInternalError() {
        World w;
        w.url = w.databases.sqlite();
        w.node = node(w, "node");
        w.node->up();
        w.user("ann", "admin");
        execute(w.url, "DROP TABLE account");
        const Reply reply = w.signIn("ann@example.com");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(reply.body.dump(), 500, reply.status);
        CPPUNIT_ASSERT_EQUAL(std::string("INTERNAL"), reply.code);
    }
    void withoutTheDatabaseEveryAnswerIs503() {
        World w;
        if (w.databases.postgres().empty()) return;
        // A database of our own that can be taken away.
        execute(w.databases.postgres(), "DROP DATABASE IF EXISTS usher_away");
        execute(w.databases.postgres(), "CREATE DATABASE usher_away");
        w.url = w.databases.postgres().substr(0, w.databases.postgres().rfind('/') + 1) + "usher_away";
        w.node = node(w, "node");
        w.node->up();
        w.user("ann", "admin");
        const std::string token = w.signIn("ann@example.com", kPassword, {{"bearer", true}}).body["token"];
        CPPUNIT_ASSERT(w.node->healthy());
        execute(w.databases.postgres(), "DROP DATABASE usher_away WITH (FORCE)");
        const Judged judged = w.node->check("job.list", "GET", withBearer(token));
        CPPUNIT_ASSERT_EQUAL(USHER_DENY, judged.decision);
        CPPUNIT_ASSERT_EQUAL(503, judged.status);
        CPPUNIT_ASSERT_EQUAL(std::string("STORAGE_UNAVAILABLE"), judged.code);
        for (int i = 0; i < 8; ++i) { // not a failure of whoever tries: never 429
            const Reply reply = w.signIn("ann@example.com");
            CPPUNIT_ASSERT_EQUAL(503, reply.status);
            CPPUNIT_ASSERT_EQUAL(std::string("STORAGE_UNAVAILABLE"), reply.code);
            CPPUNIT_ASSERT(!reply.header("Retry-After").empty());
        }
        CPPUNIT_ASSERT(!w.node->healthy());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionPluginTest);
