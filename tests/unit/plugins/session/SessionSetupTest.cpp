#include "OpenTransaction.h"
#include "SessionFixture.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <thread>

using namespace usher::test;

/// The first admin, made with the token of the file.
class SessionSetupTest : public SessionFixture {
    CPPUNIT_TEST_SUITE(SessionSetupTest);
    CPPUNIT_TEST(theFirstAdminIsMadeWithTheTokenOfTheFile);
    CPPUNIT_TEST(eightSetupsAtOnceMakeOneAdmin);
    CPPUNIT_TEST(ofSeveralNodesOneHasTheSetupToken);
    CPPUNIT_TEST_SUITE_END();

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

            CPPUNIT_ASSERT_EQUAL(400, w.node->send("POST", "/api/auth/setup", "{}").status);
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
            for (const char* body : {"{}", R"({"x":1})", "[]", "{", ""}) {
                const Reply any = w.node->send("POST", "/api/auth/setup", body);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 409, any.status);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(body, std::string("SETUP_DONE"), any.code);
            }
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
};

CPPUNIT_TEST_SUITE_REGISTRATION(SessionSetupTest);
