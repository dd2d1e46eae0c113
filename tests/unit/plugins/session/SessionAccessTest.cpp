#include "SessionFixture.h"

using namespace usher::test;

/// What a session may do, and from where.
class SessionAccessTest : public SessionFixture {
    CPPUNIT_TEST_SUITE(SessionAccessTest);
    CPPUNIT_TEST(bannedUsersAreRefused);
    CPPUNIT_TEST(rolesDecideWhatASessionMayDo);
    CPPUNIT_TEST(cookiesNeedAnOriginThatIsOurs);
    CPPUNIT_TEST_SUITE_END();

    void bannedUsersAreRefused() {
        everywhere([](World& w) {
            w.user("ann", "viewer");
            const std::string yes = isPostgres(w.url) ? "true" : "1";
            const std::string cookie = w.cookieOf("ann@example.com");
            w.sql("UPDATE \"user\" SET banned = " + yes);
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN,
                                 w.node->check("job.list", "GET", withCookie(cookie)).decision);
            const Reply banned = w.signIn("ann@example.com");
            CPPUNIT_ASSERT_EQUAL(403, banned.status);
            CPPUNIT_ASSERT_EQUAL(std::string("USER_BANNED"), banned.code);
            CPPUNIT_ASSERT_EQUAL(401, w.signIn("ann@example.com", "wrong password").status);
            w.sql("UPDATE \"user\" SET ban_expires = " + at(w.url, 60));
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN,
                                 w.node->check("job.list", "GET", withCookie(cookie)).decision);
            w.sql("UPDATE \"user\" SET ban_expires = " + at(w.url, -60));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check("job.list", "GET", withCookie(cookie)).decision);
        });
    }
    void rolesDecideWhatASessionMayDo() {
        everywhere([](World& w) {
            const std::vector<std::pair<std::string, std::string>> users{
                {"vic", "viewer"}, {"eve", "editor"}, {"ann", "admin"}, {"nil", ""}, {"odd", "superuser"}};
            // action, then for viewer, editor, admin
            const std::vector<std::pair<std::string, std::array<bool, 3>>> table{
                {"job.list", {true, true, true}},       {"run.read", {true, true, true}},
                {"key.list", {true, true, true}},       {"job.create", {false, true, true}},
                {"job.trigger", {false, true, true}},   {"run.cancel", {false, true, true}},
                {"key.create", {false, true, true}},    {"job.delete", {false, false, true}},
                {"key.delete", {false, false, true}},   {"user.list", {false, false, true}},
                {"session.list", {false, false, true}}, {"audit.read", {false, false, true}},
                {"node.drain", {false, false, true}}};
            for (const auto& [id, role] : users) {
                w.user(id, role);
                const std::string cookie = w.cookieOf(id + "@example.com");
                const std::size_t column = role == "admin" ? 2 : role == "editor" ? 1 : 0;
                for (const auto& [action, allowed] : table) {
                    const Judged judged = w.node->check(action, "POST", withCookie(cookie));
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(
                        id + " " + action, allowed[column] ? USHER_ALLOW : USHER_DENY, int(judged.decision));
                    if (allowed[column]) continue;
                    CPPUNIT_ASSERT_EQUAL(403, judged.status);
                    CPPUNIT_ASSERT_EQUAL(std::string("INSUFFICIENT_PERMISSIONS"), judged.code);
                    CPPUNIT_ASSERT_EQUAL(0, judged.message.compare(0, 25, "Insufficient permissions\n"));
                }
            }
            for (const char* open : {"session.create", "session.read", "session.delete", "setup.create"})
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check(open, "POST").decision);
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node->check("job.list", "GET").decision);
        });
    }
    void cookiesNeedAnOriginThatIsOurs() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            const Reply in = w.signIn("ann@example.com", kPassword, {{"bearer", true}});
            const std::string cookie = w.cookieOf("ann@example.com"), token = in.body["token"];
            const auto refused = [&](const Judged& judged) {
                return judged.decision == USHER_DENY && judged.status == 403 &&
                       judged.code == "ORIGIN_NOT_ALLOWED" &&
                       judged.message.rfind("Origin not allowed\n", 0) == 0;
            };
            for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "PROPFIND"}) {
                CPPUNIT_ASSERT(refused(w.node->check("job.create", method, {{"Cookie", cookie}})));
                CPPUNIT_ASSERT(
                    refused(w.node->check("job.create", method, {{"Cookie", cookie}, {"Origin", "null"}})));
                CPPUNIT_ASSERT(refused(w.node->check(
                    "job.create", method,
                    {{"Cookie", cookie}, {"Origin", "http://evil.example"}, {"Host", "evil.example"}})));
                CPPUNIT_ASSERT(refused(w.node->check(
                    "job.create", method, {{"Cookie", cookie}, {"Origin", kOrigin}, {"Origin", kOrigin}})));
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     w.node->check("job.create", method, withCookie(cookie)).decision);
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     w.node->check("job.create", method, withBearer(token)).decision);
            }
            for (const char* method : {"GET", "HEAD", "OPTIONS"})
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     w.node->check("job.list", method, {{"Cookie", cookie}}).decision);
            // Open actions too, and with any cookie; without one nobody needs an Origin.
            CPPUNIT_ASSERT(refused(w.node->check("session.create", "POST", {{"Cookie", "a=b"}})));
            CPPUNIT_ASSERT(refused(w.node->check("session.delete", "POST", {{"Cookie", cookie}})));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check("setup.create", "POST").decision);
            // A Bearer token that is not ours does not excuse a cookie.
            CPPUNIT_ASSERT(refused(
                w.node->check("job.create", "POST", {{"Cookie", cookie}, {"Authorization", "Bearer x"}})));
            w.node->options.publicUrl = "https://ci.example.com";
            CPPUNIT_ASSERT(refused(w.node->check("job.create", "POST", withCookie(cookie))));
            CPPUNIT_ASSERT_EQUAL(
                USHER_ALLOW,
                w.node
                    ->check("job.create", "POST", {{"Cookie", cookie}, {"Origin", "https://ci.example.com"}})
                    .decision);
        });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionAccessTest);
