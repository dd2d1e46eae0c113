#include "SessionHost.h"

#include "support/TestDatabases.h"

#include <cppunit/extensions/HelperMacros.h>

#include <libpq-fe.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <sys/stat.h>
#include <thread>

using namespace usher::test;

namespace {

const std::string kCookie = "better-auth.session_token";
const std::string kOrigin = "http://localhost:8321";
const std::string kPassword = "correct horse battery";
// scrypt of kPassword under a known salt (tests/vectors/interop.json): a user made by SQL costs no hash.
const std::string kStored =
    "00112233445566778899aabbccddeeff:"
    "267a33c2ae63f1c2d542f84d50b7d87c68900c8b9475f6a47ade71cf44b234822e0a34af1d226572b5caf5280931"
    "9d4c486f3d209cc2fd022fb53bb4eaeb35b1";

bool isPostgres(const std::string& url) {
    return url.rfind("postgres", 0) == 0;
}

/// A point in time, `seconds` from now, as this database's columns hold it.
std::string at(const std::string& url, long seconds) {
    const std::string n = std::to_string(seconds);
    return isPostgres(url) ? "now() + interval '" + n + " seconds'"
                           : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '" + n + " seconds')";
}

void addUser(const std::string& url, const std::string& id, const std::string& email,
             const std::string& role) {
    const std::string no = isPostgres(url) ? "false" : "0";
    execute(url, "INSERT INTO \"user\" (id, name, email, email_verified, role) VALUES ('" + id +
                     "', 'Name of " + id + "', '" + email + "', " + no + ", " +
                     (role.empty() ? "NULL" : "'" + role + "'") + ")");
    execute(url, "INSERT INTO account (id, account_id, provider_id, user_id, password) VALUES ('acc-" + id +
                     "', '" + id + "', 'credential', '" + id + "', '" + kStored + "')");
}

std::string fileText(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

Headers withCookie(const std::string& cookie) {
    return {{"Cookie", cookie}, {"Origin", kOrigin}};
}

Headers withBearer(const std::string& token) {
    return {{"Authorization", "Bearer " + token}};
}

/// A transaction of somebody else's, open until release(): what it locks makes racing transactions meet.
class OpenTransaction {
public:
    OpenTransaction(const std::string& url, const std::string& sql)
        : _url(url), _connection(PQconnectdb(url.c_str()), PQfinish) {
        run("BEGIN; " + sql);
    }
    void release() { run("COMMIT"); }
    /// Until `count` others wait for a lock.
    void awaitBlocked(int count) {
        const auto giveUp = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (
            std::stoi(scalar(_url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                                   "AND wait_event_type = 'Lock'")) < count) {
            CPPUNIT_ASSERT_MESSAGE("nobody waits for the lock", std::chrono::steady_clock::now() < giveUp);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }

private:
    void run(const std::string& sql) { PQclear(PQexec(_connection.get(), sql.c_str())); }
    const std::string _url;
    std::unique_ptr<PGconn, decltype(&PQfinish)> _connection;
};

} // namespace

/// session.so as the daemon meets it: the finished file, through the C interface, on each database there is.
class SessionPluginTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SessionPluginTest);
    CPPUNIT_TEST(theFirstAdminIsMadeWithTheTokenOfTheFile);
    CPPUNIT_TEST(eightSetupsAtOnceMakeOneAdmin);
    CPPUNIT_TEST(ofSeveralNodesOneHasTheSetupToken);
    CPPUNIT_TEST(signingInOpensASessionAndSigningOutEndsIt);
    CPPUNIT_TEST(aBearerSessionIsStoredAsAHashAndIsNoCookie);
    CPPUNIT_TEST(unknownMailAndWrongPasswordAnswerTheSame);
    CPPUNIT_TEST(failuresSlowDownAndTheRightPasswordWaitsToo);
    CPPUNIT_TEST(cookiesOfOtherProgramsAreAccepted);
    CPPUNIT_TEST(aSessionUsedAfterADayIsExtended);
    CPPUNIT_TEST(withoutRememberingNothingIsExtended);
    CPPUNIT_TEST(expiredAndDeletedSessionsAreDeadAtOnce);
    CPPUNIT_TEST(bannedUsersAreRefused);
    CPPUNIT_TEST(rolesDecideWhatASessionMayDo);
    CPPUNIT_TEST(cookiesNeedAnOriginThatIsOurs);
    CPPUNIT_TEST(usersAreMadeListedAndChanged);
    CPPUNIT_TEST(theLastAdminStays);
    CPPUNIT_TEST(twoAdminsCannotTakeEachOtherAway);
    CPPUNIT_TEST(aNewPasswordOrABanEndsTheSessions);
    CPPUNIT_TEST(sessionsAreListedAndRevoked);
    CPPUNIT_TEST(bodiesAreReadStrictly);
    CPPUNIT_TEST(aFloodOfSignInsIsBounded);
    CPPUNIT_TEST(tablesOfAnotherApplicationAreUsedInTheirOwnNaming);
    CPPUNIT_TEST(theSecretIsMadeOnSqliteOnly);
    CPPUNIT_TEST(auditRecordsSayWhoDidWhatAndNoSecret);
    CPPUNIT_TEST(theDocumentNamesEveryRouteAndNoOther);
    CPPUNIT_TEST(theSectionHasItsKeysAndNoOther);
    CPPUNIT_TEST(withoutTheDatabaseEveryAnswerIs503);
    CPPUNIT_TEST_SUITE_END();

    struct World {
        TestDatabases databases;
        std::string url;
        std::unique_ptr<SessionHost> node;
        Reply signIn(const std::string& email, const std::string& password = kPassword,
                     Json more = Json::object()) {
            more["email"] = email;
            more["password"] = password;
            return node->send("POST", "/api/auth/sign-in/email", more);
        }
        std::string cookieOf(const std::string& email) {
            const Reply reply = signIn(email);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(reply.body.dump(), 200, reply.status);
            return reply.cookie(kCookie);
        }
        std::string scalar(const std::string& sql) { return usher::test::scalar(url, sql); }
        void sql(const std::string& text) { execute(url, text); }
        void user(const std::string& id, const std::string& role) {
            addUser(url, id, id + "@example.com", role);
        }
    };

    /// Runs `body` in a fresh world for each kind of database.
    static void everywhere(const std::function<void(World&)>& body) {
        const std::size_t kinds = TestDatabases().urls().size();
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            World world;
            world.url = world.databases.urls()[kind];
            world.node = node(world, "node");
            world.node->up();
            body(world);
        }
    }
    static std::unique_ptr<SessionHost> node(World& world, const std::string& name) {
        return std::make_unique<SessionHost>(
            SessionHost::Options{.url = world.url, .folder = world.databases.folder() + "/" + name});
    }
    static Json setupBody(const std::string& token, const std::string& email = "Ann@Example.com") {
        return {{"token", token}, {"email", email}, {"password", kPassword}};
    }

    void theFirstAdminIsMadeWithTheTokenOfTheFile() {
        everywhere([](World& w) {
            const std::string path = w.node->options.folder + "/setup-token";
            struct stat status {};
            CPPUNIT_ASSERT(::stat(path.c_str(), &status) == 0);
            CPPUNIT_ASSERT_EQUAL(mode_t(0600), mode_t(status.st_mode & 07777));
            const std::string token = fileText(path);
            CPPUNIT_ASSERT(token.size() >= 32);
            CPPUNIT_ASSERT_EQUAL(std::string("0"),
                                 w.scalar("SELECT count(*) FROM setup WHERE token_hash = '" + token + "'"));
            for (const std::string& line : w.node->log())
                CPPUNIT_ASSERT(line.find(token) == std::string::npos);

            const Reply wrong = w.node->send("POST", "/api/auth/setup", setupBody(token + "x"));
            CPPUNIT_ASSERT_EQUAL(401, wrong.status);
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_SETUP_TOKEN"), wrong.code);
            w.node = nullptr; // the same token after a restart
            w.node = node(w, "node");
            w.node->up();
            CPPUNIT_ASSERT_EQUAL(token, fileText(path));

            const Reply made = w.node->send("POST", "/api/auth/setup", setupBody(token));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body.dump(), 201, made.status);
            CPPUNIT_ASSERT_EQUAL(std::string("ann@example.com"),
                                 made.body["user"]["email"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("admin"), made.body["user"]["role"].get<std::string>());
            CPPUNIT_ASSERT(!exists(path));
            const Reply again = w.node->send("POST", "/api/auth/setup", setupBody(token, "bob@example.com"));
            CPPUNIT_ASSERT_EQUAL(409, again.status);
            CPPUNIT_ASSERT_EQUAL(std::string("SETUP_DONE"), again.code);
            CPPUNIT_ASSERT_EQUAL(200, w.signIn("ANN@example.com").status);
            w.node = nullptr;
            w.node = node(w, "node");
            w.node->up();
            CPPUNIT_ASSERT(!exists(path));
        });
    }
    void eightSetupsAtOnceMakeOneAdmin() {
        everywhere([](World& w) {
            const std::string token = fileText(w.node->options.folder + "/setup-token");
            std::vector<std::unique_ptr<SessionHost>> nodes;
            std::optional<OpenTransaction> held;
            for (int i = 0; i < 4; ++i) {
                nodes.push_back(node(w, isPostgres(w.url) ? "n" + std::to_string(i) : "node"));
                nodes.back()->up();
            }
            // The first one stops before it can commit, and all others get as far as they can.
            if (isPostgres(w.url)) held.emplace(w.url, "LOCK TABLE account IN EXCLUSIVE MODE");
            std::vector<int> statuses(8);
            std::vector<std::jthread> threads;
            for (int i = 0; i < 8; ++i)
                threads.emplace_back([&, i] {
                    statuses[i] = nodes[i % 4]
                                      ->send("POST", "/api/auth/setup",
                                             setupBody(token, "a" + std::to_string(i) + "@example.com"))
                                      .status;
                });
            if (held) {
                held->awaitBlocked(8);
                held->release();
            }
            for (std::jthread& thread : threads) thread.join();
            CPPUNIT_ASSERT_EQUAL(std::string("1"), w.scalar("SELECT count(*) FROM \"user\""));
            CPPUNIT_ASSERT_EQUAL(std::string("1"), w.scalar("SELECT count(*) FROM account"));
            CPPUNIT_ASSERT_EQUAL(1L, long(std::count(statuses.begin(), statuses.end(), 201)));
            CPPUNIT_ASSERT_EQUAL(7L, long(std::count(statuses.begin(), statuses.end(), 409)));
        });
    }
    void ofSeveralNodesOneHasTheSetupToken() {
        World w;
        w.url = w.databases.postgres();
        if (w.url.empty()) return;
        std::vector<std::unique_ptr<SessionHost>> nodes;
        for (int i = 0; i < 4; ++i) nodes.push_back(node(w, "n" + std::to_string(i)));
        std::vector<std::jthread> threads;
        std::vector<int> up(4);
        for (int i = 0; i < 4; ++i)
            threads.emplace_back(
                [&, i] { up[i] = nodes[i]->create() == USHER_OK && nodes[i]->start() == USHER_OK; });
        for (std::jthread& thread : threads) thread.join();
        std::string token;
        int files = 0;
        for (int i = 0; i < 4; ++i) {
            CPPUNIT_ASSERT(up[i]);
            const std::string path = nodes[i]->options.folder + "/setup-token";
            if (!exists(path)) continue;
            ++files;
            token = fileText(path);
        }
        CPPUNIT_ASSERT_EQUAL(1, files);
        CPPUNIT_ASSERT_EQUAL(201, nodes[0]->send("POST", "/api/auth/setup", setupBody(token)).status);
        CPPUNIT_ASSERT_EQUAL(409, nodes[1]->send("POST", "/api/auth/setup", setupBody(token)).status);
    }
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
                CPPUNIT_ASSERT_EQUAL(
                    400, w.node->send("GET", std::string("/api/users?") + bad, nullptr, ann).status);

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
        CPPUNIT_ASSERT(keys == (std::set<std::string>{"database", "database_password_file", "secret_file",
                                                      "cookie_prefix"}));
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"cookie_prefix", "a;b"}}));
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"database", "mysql://x"}}));
        CPPUNIT_ASSERT_EQUAL(USHER_FAILED, with({{"typo", "1"}}));
        CPPUNIT_ASSERT(w.node->log().back().find("typo") != std::string::npos);
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
