#include "ApiKeyFixture.h"

#include <atomic>
#include <csignal>

using namespace usher::test;

/// Revocation while checks run, and a database that freezes, restarts or is not there.
class ApiKeyFaultTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyFaultTest);
    CPPUNIT_TEST(nothingBegunAfterARevocationIsAllowed);
    CPPUNIT_TEST(aFullCounterStopsNoOthers);
    CPPUNIT_TEST(aFrozenDatabaseIsAnErrorByTheDeadline);
    CPPUNIT_TEST(aRestartOfTheServerFailsNothingAfterIt);
    CPPUNIT_TEST(startFailsWithoutADatabase);
    CPPUNIT_TEST(stopAnswersWhatIsOpen);
    CPPUNIT_TEST(twoNodesMayStartAtOnce);
    CPPUNIT_TEST_SUITE_END();

    void nothingBegunAfterARevocationIsAllowed() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto a = world.node(), b = world.node();
            // Without a limit, with one, and with uses: each takes another way through the plugin.
            const Json keys[] = {
                created(*a, R"({"name":"free","rateLimit":null})"),
                created(*a, R"({"name":"limited","rateLimit":{"max":10000,"windowSeconds":1}})"),
                created(*a, R"({"name":"uses","rateLimit":null,"remaining":1000000000})")};
            const int rounds = world.postgres() ? 600 : 300;
            std::atomic<int> forbidden = 0, allowed = 0;
            int unchanged = 0;
            // A busy machine may answer 503; the change is asked for until it is answered.
            auto change = [&](FakePluginHost& node, const std::string& path, const char* body) {
                int status = 503;
                for (int i = 0; i < 20 && status == 503; ++i)
                    status = node.request("PATCH", path, body).status;
                if (status != 200) ++unchanged; // judged when the clients have ended
            };
            std::atomic<std::uint64_t> revoked[3] = {0, 0, 0}; // odd: a revocation has been answered
            std::atomic<bool> over = false;
            std::vector<std::thread> clients;
            for (int t = 0; t < 6; ++t)
                clients.emplace_back([&, t] {
                    const int which = t % 3;
                    FakePluginHost& node = t < 3 ? *a : *b;
                    const Question question = triggerBy(keys[which]["key"]);
                    while (!over) {
                        const std::uint64_t before = revoked[which];
                        const Said said = node.askAndSettle(question, USHER_ABANDONED);
                        if (said.decision != USHER_ALLOW) continue;
                        ++allowed;
                        // Begun after a revocation was answered, and over before it was lifted.
                        if (before % 2 == 1 && revoked[which] == before) ++forbidden;
                    }
                });
            for (int i = 0; i < rounds; ++i) {
                const int which = i % 3;
                const std::string path = keysPath() + "/" + keys[which]["id"].get<std::string>();
                FakePluginHost& node = i % 2 ? *a : *b;
                change(node, path, R"({"enabled":false})");
                ++revoked[which];
                const Said said = (i % 4 < 2 ? *a : *b).ask(triggerBy(keys[which]["key"]));
                if (said.decision == USHER_ALLOW) ++forbidden;
                ++revoked[which];
                change(node, path, R"({"enabled":true})");
            }
            over = true;
            for (std::thread& client : clients) client.join();
            CPPUNIT_ASSERT_EQUAL(0, unchanged);
            CPPUNIT_ASSERT_EQUAL(0, forbidden.load());
            CPPUNIT_ASSERT(allowed > rounds);
        });
    }
    void aFullCounterStopsNoOthers() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string full = world.insertKey("k1", "job_0123456789abcdefghij");
            const std::string other = world.insertKey("k2", "job_0123456789abcdefghik");
            world.set("k1", "request_count = 2147483646");
            for (const std::string& key : {full, full, full, other})
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                     node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            auto count = [&](const std::string& id) {
                return world.value("SELECT request_count FROM apikey WHERE id = '" + id + "'");
            };
            CPPUNIT_ASSERT(becomes([&] { return count("k2") == "1"; }));
            // SQLite's integers have 64 bits, whatever a column is called.
            const std::string most = world.postgres() ? "2147483647" : "2147483649";
            CPPUNIT_ASSERT(becomes([&] { return count("k1") == most; }));
            CPPUNIT_ASSERT(!world.value("SELECT last_request FROM apikey WHERE id = 'k1'").empty());
        });
    }
    void aFrozenDatabaseIsAnErrorByTheDeadline() {
        TestDatabases databases;
        if (databases.postgres().empty()) return;
        ApiKeyWorld world(databases.postgres());
        auto node = world.node();
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        const std::string limited = world.insertKey("k2", "job_0123456789abcdefghik");
        world.set("k2", "remaining = 100");
        for (const std::string& each : {key, limited})
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(each), USHER_ACCEPTED).decision);
        CPPUNIT_ASSERT(becomes(
            [&] { return world.value("SELECT count(*) FROM apikey WHERE request_count = 1") == "2"; }));
        std::vector<pid_t> backends;
        std::string list =
            world.value("SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE application_name "
                        "= 'usher-plugin' AND datname = current_database()");
        for (std::size_t at = 0; at < list.size();
             at = list.find(',', at) == std::string::npos ? list.size() : list.find(',', at) + 1)
            backends.push_back(std::atoi(list.c_str() + at));
        if (backends.empty() || ::kill(backends[0], 0) != 0) return; // not ours to stop
        // However this ends: a stopped backend would stop the whole server at its next barrier.
        struct Frozen {
            const std::vector<pid_t>& pids;
            explicit Frozen(const std::vector<pid_t>& pids) : pids(pids) {
                for (const pid_t pid : pids) ::kill(pid, SIGSTOP);
            }
            ~Frozen() {
                for (const pid_t pid : pids) ::kill(pid, SIGCONT);
            }
        } frozen(backends);
        std::vector<Question> questions;
        for (int i = 0; i < 40; ++i) questions.push_back(triggerBy(i % 2 ? key : limited));
        for (Question& question : questions) question.budget = std::chrono::milliseconds(300);
        // Those that reached a frozen connection end by their deadline; later ones may already be on a new
        // one.
        const auto answers = node->askAll(questions);
        CPPUNIT_ASSERT_EQUAL(USHER_ERROR, answers[0].decision);
        std::string reason;
        // The server itself is well: new connections take the place of the frozen ones.
        CPPUNIT_ASSERT(becomes(
            [&] { return node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision == USHER_ALLOW; }));
        CPPUNIT_ASSERT(becomes(
            [&] { return node->askAndSettle(triggerBy(limited), USHER_ACCEPTED).decision == USHER_ALLOW; }));
        CPPUNIT_ASSERT(becomes([&] { return node->healthy(reason); }));
    }
    void aRestartOfTheServerFailsNothingAfterIt() {
        TestDatabases databases;
        if (databases.postgres().empty()) return;
        ApiKeyWorld world(databases.postgres());
        auto node = world.node();
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        world.set("k1", "remaining = 100");
        for (int i = 0; i < 5; ++i) {
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            execute(world.url,
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = "
                    "'usher-plugin' AND datname = current_database()");
        }
        CPPUNIT_ASSERT_EQUAL(200, node->request("GET", keysPath()).status);
    }
    void startFailsWithoutADatabase() {
        FakePluginHost away(USHER_API_KEY_SO, "postgresql://nobody@127.0.0.1:1/none");
        CPPUNIT_ASSERT(!away.start());
        CPPUNIT_ASSERT(away.log().find("cannot connect") != std::string::npos);
        TestDatabases databases;
        FakePluginHost empty(USHER_API_KEY_SO, databases.postgres().empty() ? "sqlite:///nowhere/usher.db"
                                                                            : databases.postgres());
        CPPUNIT_ASSERT(!empty.start());
    }
    void stopAnswersWhatIsOpen() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            world.set("k1", "remaining = 1000");
            std::atomic<int> unanswered = 0;
            std::vector<std::thread> clients;
            std::atomic<int> asked = 0;
            for (int t = 0; t < 4; ++t)
                clients.emplace_back([&] {
                    for (int i = 0; i < 25; ++i, ++asked)
                        if (!node->askAndSettle(triggerBy(key), USHER_ACCEPTED).answered) ++unanswered;
                });
            for (std::thread& client : clients) client.join();
            node.reset();
            CPPUNIT_ASSERT_EQUAL(0, unanswered.load());
            CPPUNIT_ASSERT_EQUAL_MESSAGE("counted before it ended", std::string("100"),
                                         world.value("SELECT request_count FROM apikey"));
        });
    }
    void twoNodesMayStartAtOnce() {
        onEachDatabase([](ApiKeyWorld& world) {
            std::atomic<int> failed = 0;
            std::vector<std::thread> nodes;
            for (int i = 0; i < 4; ++i)
                nodes.emplace_back([&] {
                    try {
                        world.node();
                    } catch (const std::exception& error) {
                        std::fprintf(stderr, "%s\n", error.what());
                        ++failed;
                    }
                });
            for (std::thread& node : nodes) node.join();
            CPPUNIT_ASSERT_EQUAL(0, failed.load());
            CPPUNIT_ASSERT_EQUAL(
                std::string("1"),
                world.value("SELECT count(*) FROM usher_migrations WHERE component = 'api-key'"));
        });
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyFaultTest);
