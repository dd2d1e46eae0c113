#include "SessionFixture.h"

using namespace usher::test;

/// What becomes of a session: how long it lasts, who ends it.
class SessionLifeTest : public SessionFixture {
    CPPUNIT_TEST_SUITE(SessionLifeTest);
    CPPUNIT_TEST(cookiesOfOtherProgramsAreAccepted);
    CPPUNIT_TEST(aSessionUsedAfterADayIsExtended);
    CPPUNIT_TEST(withoutRememberingNothingIsExtended);
    CPPUNIT_TEST(expiredAndDeletedSessionsAreDeadAtOnce);
    CPPUNIT_TEST(sessionsAreListedAndRevoked);
    CPPUNIT_TEST_SUITE_END();

    void cookiesOfOtherProgramsAreAccepted() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            const std::string token = "AbCdEfGhIjKlMnOpQrStUvWxYz012345";
            const std::string signature = "ZUKkGNH5dukELJ5PTH7BANgm6goAuz7psevEZIZ2eR8";
            w.sql("INSERT INTO session (id, token, user_id, expires_at, created_at, updated_at) VALUES ('s', "
                  "'" +
                  token + "', 'ann', " + at(w.url, 600000) + ", " + at(w.url, -10) + ", " + at(w.url, -10) +
                  ")");
            const auto decision = [&](const std::string& value) {
                return w.node->check("job.list", "GET", {{"Cookie", kCookie + "=" + value}}).decision;
            };
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(token + "." + signature + "%3D"));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, decision(token + "." + signature + "="));
            for (const std::string& value :
                 {token, token + ".", token + "." + signature,
                  token + "." + signature + "==", "x" + token + "." + signature + "=",
                  token + "." + signature.substr(1) + "A=", std::string("%")})
                CPPUNIT_ASSERT_EQUAL_MESSAGE(value, USHER_ABSTAIN, decision(value));
            // The cache cookie says nothing.
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node
                                                    ->check("job.list", "GET",
                                                            {{"Cookie", "better-auth.session_data=" + token +
                                                                            "." + signature + "="}})
                                                    .decision);
            const Headers secure{{"secure", "1"},
                                 {"Cookie", "__Secure-" + kCookie + "=" + token + "." + signature + "%3D"}};
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check("job.list", "GET", secure).decision);
            const Headers planted{{"secure", "1"},
                                  {"Cookie", kCookie + "=" + token + "." + signature + "%3D"}};
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node->check("job.list", "GET", planted).decision);
        });
    }
    void aSessionUsedAfterADayIsExtended() {
        everywhere([](World& w) {
            w.user("ann", "viewer");
            const std::string cookie = w.cookieOf("ann@example.com");
            w.sql("UPDATE session SET expires_at = " + at(w.url, 6 * 86400 + 60));
            CPPUNIT_ASSERT(w.node->check("job.list", "GET", withCookie(cookie)).headers.empty());
            const std::string before = w.scalar("SELECT expires_at FROM session");
            w.sql("UPDATE session SET expires_at = " + at(w.url, 6 * 86400 - 60));
            const Judged judged = w.node->check("job.list", "GET", withCookie(cookie));
            CPPUNIT_ASSERT_EQUAL(std::size_t(1), judged.headers.size());
            CPPUNIT_ASSERT_EQUAL(std::string("Set-Cookie"), judged.headers[0].first);
            CPPUNIT_ASSERT_EQUAL(cookie + "; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax",
                                 judged.headers[0].second);
            CPPUNIT_ASSERT(w.scalar("SELECT expires_at FROM session") > before);
            CPPUNIT_ASSERT(w.node->check("job.list", "GET", withCookie(cookie)).headers.empty());

            w.sql("UPDATE session SET expires_at = " + at(w.url, 60));
            const Reply who = w.node->send("GET", "/api/auth/get-session", nullptr, {{"Cookie", cookie}});
            CPPUNIT_ASSERT_EQUAL(cookie, who.cookie(kCookie));
            CPPUNIT_ASSERT(w.scalar("SELECT expires_at FROM session") > before);
        });
    }
    void withoutRememberingNothingIsExtended() {
        everywhere([](World& w) {
            w.user("ann", "viewer");
            const Reply in = w.signIn("ann@example.com", kPassword, {{"rememberMe", false}});
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), in.setCookies().size());
            for (const std::string& cookie : in.setCookies())
                CPPUNIT_ASSERT(cookie.find("Max-Age") == std::string::npos);
            const std::string cookies = in.cookie(kCookie) + "; " + in.cookie("better-auth.dont_remember");
            w.sql("UPDATE session SET expires_at = " + at(w.url, 3600));
            const Judged judged = w.node->check("job.list", "GET", withCookie(cookies));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, judged.decision);
            CPPUNIT_ASSERT(judged.headers.empty());
            CPPUNIT_ASSERT_EQUAL(
                std::string("1"),
                w.scalar("SELECT count(*) FROM session WHERE expires_at < " + at(w.url, 7200)));
        });
    }
    void expiredAndDeletedSessionsAreDeadAtOnce() {
        everywhere([](World& w) {
            w.user("ann", "viewer");
            const std::string cookie = w.cookieOf("ann@example.com");
            w.sql("UPDATE session SET expires_at = " + at(w.url, -1));
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN,
                                 w.node->check("job.list", "GET", withCookie(cookie)).decision);
            const std::string second = w.cookieOf("ann@example.com");
            CPPUNIT_ASSERT_EQUAL_MESSAGE("the dead one is gone", std::string("1"),
                                         w.scalar("SELECT count(*) FROM session"));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, w.node->check("job.list", "GET", withCookie(second)).decision);
            w.sql("DELETE FROM session");
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN,
                                 w.node->check("job.list", "GET", withCookie(second)).decision);
        });
    }
    void sessionsAreListedAndRevoked() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            w.user("bob", "viewer");
            const Headers ann = withCookie(w.cookieOf("ann@example.com"));
            const std::string bob = w.signIn("bob@example.com", kPassword, {{"bearer", true}}).body["token"];
            const Reply list = w.node->send("GET", "/api/sessions", nullptr, ann);
            CPPUNIT_ASSERT_EQUAL(200, list.status);
            CPPUNIT_ASSERT_EQUAL(std::size_t(2), list.body["sessions"].size());
            std::string id;
            for (const Json& session : list.body["sessions"]) {
                CPPUNIT_ASSERT(!session.contains("token"));
                if (session["userId"] == "bob") {
                    id = session["id"];
                    CPPUNIT_ASSERT(session["bearer"].get<bool>());
                }
            }
            CPPUNIT_ASSERT_EQUAL(
                403, w.node->send("DELETE", "/api/sessions/" + id, nullptr, withBearer(bob)).status);
            CPPUNIT_ASSERT_EQUAL(200, w.node->send("DELETE", "/api/sessions/" + id, nullptr, ann).status);
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node->check("job.list", "GET", withBearer(bob)).decision);
            CPPUNIT_ASSERT_EQUAL(404, w.node->send("DELETE", "/api/sessions/" + id, nullptr, ann).status);
        });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionLifeTest);
