#include "SessionFixture.h"

#include <algorithm>
#include <thread>

using namespace usher::test;

/// Signing in and out, and who guesses.
class SessionSignInTest : public SessionFixture {
    CPPUNIT_TEST_SUITE(SessionSignInTest);
    CPPUNIT_TEST(signingInOpensASessionAndSigningOutEndsIt);
    CPPUNIT_TEST(aBearerSessionIsStoredAsAHashAndIsNoCookie);
    CPPUNIT_TEST(unknownMailAndWrongPasswordAnswerTheSame);
    CPPUNIT_TEST(failuresSlowDownAndTheRightPasswordWaitsToo);
    CPPUNIT_TEST(aFloodOfSignInsIsBounded);
    CPPUNIT_TEST_SUITE_END();

    void signingInOpensASessionAndSigningOutEndsIt() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            const Reply in = w.signIn("Ann@Example.com");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(in.body.dump(), 200, in.status);
            CPPUNIT_ASSERT_EQUAL(false, in.body["redirect"].get<bool>());
            CPPUNIT_ASSERT_EQUAL(std::string("ann"), in.body["user"]["id"].get<std::string>());
            CPPUNIT_ASSERT(!in.body["user"].contains("password"));
            const std::string cookie = in.cookie(kCookie), token = in.body["token"];
            CPPUNIT_ASSERT_EQUAL(std::size_t(32), token.size());
            CPPUNIT_ASSERT_EQUAL(0, cookie.compare(0, kCookie.size() + 34, kCookie + "=" + token + "."));
            CPPUNIT_ASSERT_EQUAL(std::string("ann"),
                                 w.scalar("SELECT user_id FROM session WHERE token = '" + token + "'"));

            const Judged allowed = w.node->check("job.delete", "DELETE", withCookie(cookie));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, allowed.decision);
            CPPUNIT_ASSERT_EQUAL(std::string("user:ann"), allowed.principal);
            CPPUNIT_ASSERT_EQUAL(std::string("admin"), allowed.role);
            CPPUNIT_ASSERT_MESSAGE("nothing to extend yet", allowed.headers.empty());

            const Reply who = w.node->send("GET", "/api/auth/get-session", nullptr, {{"cookie", cookie}});
            CPPUNIT_ASSERT_EQUAL(200, who.status);
            CPPUNIT_ASSERT_EQUAL(std::string("ann@example.com"),
                                 who.body["user"]["email"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("203.0.113.7"),
                                 who.body["session"]["ipAddress"].get<std::string>());
            CPPUNIT_ASSERT(!who.body["session"].contains("token"));

            const Reply out = w.node->send("POST", "/api/auth/sign-out", nullptr, withCookie(cookie));
            CPPUNIT_ASSERT_EQUAL(200, out.status);
            CPPUNIT_ASSERT_EQUAL(true, out.body["success"].get<bool>());
            CPPUNIT_ASSERT_EQUAL(kCookie + "=", out.cookie(kCookie));
            CPPUNIT_ASSERT_EQUAL(std::string("0"), w.scalar("SELECT count(*) FROM session"));
            const Judged dead = w.node->check("job.list", "GET", withCookie(cookie));
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, dead.decision);
            CPPUNIT_ASSERT_EQUAL(std::string("UNAUTHORIZED"), dead.code);
            CPPUNIT_ASSERT(
                w.node->send("GET", "/api/auth/get-session", nullptr, {{"cookie", cookie}}).body.is_null());
            CPPUNIT_ASSERT_EQUAL(200, w.node->send("POST", "/api/auth/sign-out").status);
        });
    }
    void aBearerSessionIsStoredAsAHashAndIsNoCookie() {
        everywhere([](World& w) {
            w.user("ann", "editor");
            const Reply in = w.signIn("ann@example.com", kPassword, {{"bearer", true}});
            CPPUNIT_ASSERT_EQUAL(200, in.status);
            CPPUNIT_ASSERT(in.setCookies().empty());
            const std::string token = in.body["token"];
            CPPUNIT_ASSERT_EQUAL(std::size_t(37), token.size());
            const std::string stored = w.scalar("SELECT token FROM session");
            CPPUNIT_ASSERT(stored != token && stored.rfind("ushs_", 0) == 0 && stored.size() == 48);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 w.node->check("job.create", "POST", withBearer(token)).decision);
            CPPUNIT_ASSERT_EQUAL(
                USHER_ALLOW,
                w.node->check("job.create", "POST", {{"authorization", "bearer " + token}}).decision);
            for (const Headers& headers :
                 {withBearer(stored), withCookie(kCookie + "=" + token), withCookie(kCookie + "=" + stored),
                  Headers{{"Authorization", "Basic " + token}}, Headers{{"X-Api-Key", token}},
                  withBearer(token + "x"),
                  Headers{{"Authorization", "Bearer " + token}, {"Authorization", "Bearer " + token}}})
                CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node->check("job.list", "GET", headers).decision);
            const Reply cookie = w.signIn("ann@example.com");
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN,
                                 w.node->check("job.list", "GET", withBearer(cookie.body["token"])).decision);
            CPPUNIT_ASSERT_EQUAL(
                200, w.node->send("POST", "/api/auth/sign-out", nullptr, withBearer(token)).status);
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, w.node->check("job.list", "GET", withBearer(token)).decision);
        });
    }
    void unknownMailAndWrongPasswordAnswerTheSame() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            addUser(w.url, "sso", "sso@example.com", "admin");
            w.sql("UPDATE account SET password = NULL WHERE user_id = 'sso'");
            const Reply wrong = w.signIn("ann@example.com", "wrong password");
            CPPUNIT_ASSERT_EQUAL(401, wrong.status);
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_CREDENTIALS"), wrong.code);
            CPPUNIT_ASSERT_EQUAL(std::string("Invalid email or password"), wrong.title);
            for (const std::string& email :
                 {std::string("nobody@example.com"), std::string("sso@example.com"),
                  std::string("no address"), std::string(1000, 'a'), std::string("' OR 1=1 --")}) {
                const Reply unknown = w.signIn(email, "wrong password");
                CPPUNIT_ASSERT_EQUAL(wrong.body.dump(), unknown.body.dump());
                CPPUNIT_ASSERT_EQUAL(wrong.status, unknown.status);
            }
            CPPUNIT_ASSERT_EQUAL(std::string("0"), w.scalar("SELECT count(*) FROM session"));
        });
    }
    void failuresSlowDownAndTheRightPasswordWaitsToo() {
        everywhere([](World& w) {
            w.user("ann", "admin");
            for (int i = 0; i < 5; ++i)
                CPPUNIT_ASSERT_EQUAL(401, w.signIn("ann@example.com", "wrong password").status);
            const Reply slowed = w.signIn("Ann@example.com");
            CPPUNIT_ASSERT_EQUAL(429, slowed.status);
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), slowed.code);
            CPPUNIT_ASSERT_EQUAL(std::string("Too many attempts"), slowed.title);
            CPPUNIT_ASSERT(std::stoi(slowed.header("Retry-After")) >= 1);
            w.node->options.address = "198.51.100.9"; // the owner, elsewhere
            CPPUNIT_ASSERT_EQUAL(200, w.signIn("ann@example.com").status);
        });
    }
    void aFloodOfSignInsIsBounded() {
        everywhere([](World& w) {
            std::array<int, 40> statuses{};
            std::vector<std::jthread> threads;
            for (int i = 0; i < 40; ++i)
                threads.emplace_back([&, i] {
                    statuses[i] =
                        w.signIn("nobody" + std::to_string(i % 4) + "@example.com", "wrong password").status;
                });
            for (std::jthread& thread : threads) thread.join();
            for (int status : statuses) CPPUNIT_ASSERT(status == 401 || status == 429 || status == 503);
            CPPUNIT_ASSERT(std::count(statuses.begin(), statuses.end(), 401) > 0);
            CPPUNIT_ASSERT(std::count(statuses.begin(), statuses.end(), 401) <= 12);
        });
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionSignInTest);
