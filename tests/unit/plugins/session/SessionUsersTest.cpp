#include "OpenTransaction.h"
#include "SessionFixture.h"

#include <algorithm>
#include <optional>
#include <thread>

using namespace usher::test;

/// The users, and that an admin stays among them.
class SessionUsersTest : public SessionFixture {
    CPPUNIT_TEST_SUITE(SessionUsersTest);
    CPPUNIT_TEST(usersAreMadeListedAndChanged);
    CPPUNIT_TEST(theLastAdminStays);
    CPPUNIT_TEST(twoAdminsCannotTakeEachOtherAway);
    CPPUNIT_TEST(aNewPasswordOrABanEndsTheSessions);
    CPPUNIT_TEST_SUITE_END();

    void usersAreMadeListedAndChanged() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            const Headers ann = withCookie(w.cookieOf("ann@example.com"));
            const Json bob{{"email", "Bob@Example.com"},
                           {"name", " Bob "},
                           {"password", "12345678"},
                           {"role", "viewer"}};
            const Reply made = w.node->send("POST", "/api/users", bob, ann);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body.dump(), 201, made.status);
            const std::string id = made.body["user"]["id"];
            CPPUNIT_ASSERT_EQUAL(std::string("Bob"), made.body["user"]["name"].get<std::string>());
            const Reply twice = w.node->send("POST", "/api/users", bob, ann);
            CPPUNIT_ASSERT_EQUAL(409, twice.status);
            CPPUNIT_ASSERT_EQUAL(std::string("EMAIL_TAKEN"), twice.code);
            CPPUNIT_ASSERT_EQUAL_MESSAGE("nothing of the second is left", std::string("2"),
                                         w.scalar("SELECT count(*) FROM account"));

            const Reply all = w.node->send("GET", "/api/users", nullptr, ann);
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), all.body["users"].size());
            CPPUNIT_ASSERT(all.body["nextCursor"].is_null());
            const Reply first = w.node->send("GET", "/api/users?limit=1", nullptr, ann);
            CPPUNIT_ASSERT_EQUAL(std::string("ann@example.com"),
                                 first.body["users"][0]["email"].get<std::string>());
            const Reply rest = w.node->send(
                "GET", "/api/users?limit=1&cursor=" + first.body["nextCursor"].get<std::string>(), nullptr,
                ann);
            CPPUNIT_ASSERT_EQUAL(std::string("bob@example.com"),
                                 rest.body["users"][0]["email"].get<std::string>());
            CPPUNIT_ASSERT(rest.body["nextCursor"].is_null());
            for (const char* bad : {"limit=0", "limit=201", "limit=x", "cursor=zz"})
                for (const char* list : {"/api/users?", "/api/sessions?"}) {
                    const Reply refused = w.node->send("GET", std::string(list) + bad, nullptr, ann);
                    CPPUNIT_ASSERT_EQUAL(400, refused.status);
                    // As the daemon's own lists say it.
                    CPPUNIT_ASSERT_EQUAL(std::string("INVALID_REQUEST"), refused.code);
                    const auto fault = refused.body["details"][0];
                    const std::string field = fault["field"];
                    CPPUNIT_ASSERT_EQUAL(std::string(bad).substr(0, field.size()), field);
                    CPPUNIT_ASSERT_EQUAL(field + ": " + fault["message"].get<std::string>(),
                                         refused.body["message"].get<std::string>());
                }

            const Reply changed =
                w.node->send("PATCH", "/api/users/" + id, {{"role", "editor"}, {"name", "Robert"}}, ann);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(changed.body.dump(), 200, changed.status);
            CPPUNIT_ASSERT_EQUAL(std::string("editor"), changed.body["user"]["role"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("Robert"), changed.body["user"]["name"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(404,
                                 w.node->send("PATCH", "/api/users/nobody", {{"name", "x"}}, ann).status);

            const Reply in = w.signIn("bob@example.com", "12345678");
            CPPUNIT_ASSERT_EQUAL(200, in.status);
            const Reply refused = w.node->send("GET", "/api/users", nullptr, withCookie(in.cookie(kCookie)));
            CPPUNIT_ASSERT_EQUAL(403, refused.status);
        });
    }
    void theLastAdminStays() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            const Headers ann = withCookie(w.cookieOf("ann@example.com"));
            for (const Json& change : {Json{{"role", "editor"}}, Json{{"banned", true}},
                                       Json{{"role", "viewer"}, {"banned", true}}}) {
                const Reply reply = w.node->send("PATCH", "/api/users/ann", change, ann);
                CPPUNIT_ASSERT_EQUAL(409, reply.status);
                CPPUNIT_ASSERT_EQUAL(std::string("LAST_ADMIN"), reply.code);
            }
            CPPUNIT_ASSERT_EQUAL(200,
                                 w.node
                                     ->send("PATCH", "/api/users/ann",
                                            {{"name", "Anna"}, {"role", "admin"}, {"banned", false}}, ann)
                                     .status);
            w.user("bob", "admin");
            w.sql(std::string("UPDATE \"user\" SET banned = ") + (isPostgres(w.url) ? "true" : "1") +
                  " WHERE id = 'bob'");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                "a banned admin is none", 409,
                w.node->send("PATCH", "/api/users/ann", {{"role", "viewer"}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(200,
                                 w.node->send("PATCH", "/api/users/bob", {{"role", "viewer"}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(
                200,
                w.node->send("PATCH", "/api/users/bob", {{"role", "admin"}, {"banned", false}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(200,
                                 w.node->send("PATCH", "/api/users/ann", {{"role", "viewer"}}, ann).status);
        });
    }
    void twoAdminsCannotTakeEachOtherAway() {
        everywhere([](World& w) {
            for (int round = 0; round < 3; ++round) {
                w.sql("DELETE FROM \"user\"");
                w.user("ann", "admin");
                w.user("bob", "admin");
                w.node->options.address = "203.0.113." + std::to_string(round);
                const Reply in = w.signIn("ann@example.com", kPassword, {{"bearer", true}});
                const Reply in2 = w.signIn("bob@example.com", kPassword, {{"bearer", true}});
                std::optional<OpenTransaction> held;
                if (isPostgres(w.url)) held.emplace(w.url, "SELECT 1 FROM \"user\" FOR UPDATE");
                std::array<int, 2> statuses{};
                std::jthread first([&] {
                    statuses[0] = w.node
                                      ->send("PATCH", "/api/users/bob", {{"role", "viewer"}},
                                             withBearer(in.body["token"]))
                                      .status;
                });
                std::jthread second([&] {
                    statuses[1] = w.node
                                      ->send("PATCH", "/api/users/ann", {{"banned", true}},
                                             withBearer(in2.body["token"]))
                                      .status;
                });
                if (held) {
                    held->awaitBlocked(2);
                    held->release();
                }
                first.join();
                second.join();
                CPPUNIT_ASSERT_EQUAL(
                    std::string("1"),
                    w.scalar(std::string("SELECT count(*) FROM \"user\" WHERE role = 'admin' AND NOT ") +
                             (isPostgres(w.url) ? "coalesce(banned, false)" : "coalesce(banned, 0)")));
                CPPUNIT_ASSERT_EQUAL(1L, long(std::count(statuses.begin(), statuses.end(), 200)));
            }
        });
    }
    void aNewPasswordOrABanEndsTheSessions() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            w.user("bob", "editor");
            const Headers ann = withCookie(w.cookieOf("ann@example.com"));
            const std::string bob = w.cookieOf("bob@example.com");
            CPPUNIT_ASSERT_EQUAL(
                200,
                w.node->send("PATCH", "/api/users/bob", {{"name", "B"}, {"role", "viewer"}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check("job.list", "GET", withCookie(bob)).decision);
            CPPUNIT_ASSERT_EQUAL(USHER_DENY, w.node->check("job.create", "POST", withCookie(bob)).decision);
            CPPUNIT_ASSERT_EQUAL(
                200, w.node->send("PATCH", "/api/users/bob", {{"password", "another one"}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node->check("job.list", "GET", withCookie(bob)).decision);
            CPPUNIT_ASSERT_EQUAL(401, w.signIn("bob@example.com").status);
            CPPUNIT_ASSERT_EQUAL(200, w.signIn("bob@example.com", "another one").status);
            CPPUNIT_ASSERT_EQUAL(200,
                                 w.node->send("PATCH", "/api/users/bob", {{"banned", true}}, ann).status);
            CPPUNIT_ASSERT_EQUAL(std::string("0"),
                                 w.scalar("SELECT count(*) FROM session WHERE user_id = 'bob'"));
        });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionUsersTest);
