#include "PluginTestKit.h"

using namespace usher;
using namespace usher::test;

/// One plugin over the C interface: every answer, right or wrong, becomes one answer, and nothing wrong lets
/// anybody in.
class PluginInstanceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PluginInstanceTest);
    CPPUNIT_TEST(allowsWithWhatThePluginSaid);
    CPPUNIT_TEST(deniesAndAbstains);
    CPPUNIT_TEST(saysNothingOfAnErrorToTheClient);
    CPPUNIT_TEST(garbageLetsNobodyIn);
    CPPUNIT_TEST(invalidArgumentsChangeNothing);
    CPPUNIT_TEST(theFirstAnswerCounts);
    CPPUNIT_TEST(aLateAnswerIsStaleAndNotSettled);
    CPPUNIT_TEST(answersFromAnotherThreadWithRetainedBytes);
    CPPUNIT_TEST(anExceptionIsAnErrorAndNoMore);
    CPPUNIT_TEST(settlesExactlyOnceInEveryWay);
    CPPUNIT_TEST(anAllowThatCannotBeUsedIsAbandoned);
    CPPUNIT_TEST(cancelsOnlyWhatThePluginHasSeen);
    CPPUNIT_TEST(serialIsOneAtATime);
    CPPUNIT_TEST(checkThreadsBlockSignals);
    CPPUNIT_TEST(nonblockingRunsOnTheCallersThread);
    CPPUNIT_TEST(nonblockingThatIsSlowIsDemoted);
    CPPUNIT_TEST(nonblockingThatHangsHoldsTwoCallersAtMost);
    CPPUNIT_TEST(logsOneCleanLineWithoutCredentials);
    CPPUNIT_TEST(offersItsExtensions);
    CPPUNIT_TEST_SUITE_END();

    void allowsWithWhatThePluginSaid() {
        Rig rig;
        Answer answer = rig.ask("allow.now");
        CPPUNIT_ASSERT(answer.verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(std::string("test:one"), answer.verdict.principal.id);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answer.settlements.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, answer.verdict.limits->remaining);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, answer.verdict.limits->resetMs);
        // X-Powered-By is not on the list, and Set-Cookie held a line break.
        CPPUNIT_ASSERT(answer.verdict.headers ==
                       (Fields{{"RateLimit-Limit", "5"}, {"WWW-Authenticate", "Bearer"}}));
    }
    void deniesAndAbstains() {
        Rig rig;
        Verdict deny = rig.ask("deny.now").verdict;
        CPPUNIT_ASSERT(deny.decision == Decision::deny);
        CPPUNIT_ASSERT_EQUAL(429, deny.httpStatus);
        CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), deny.code);
        CPPUNIT_ASSERT_EQUAL(std::string("Slow down"), deny.title);
        CPPUNIT_ASSERT_EQUAL(std::string("Come back later."), deny.message);
        CPPUNIT_ASSERT(deny.replayOk && deny.guess);
        Verdict empty = rig.ask("deny.empty").verdict;
        CPPUNIT_ASSERT_EQUAL(403, empty.httpStatus);
        CPPUNIT_ASSERT_EQUAL(std::string("FORBIDDEN"), empty.code);
        CPPUNIT_ASSERT_EQUAL(std::string("Insufficient permissions"), empty.title);
        Verdict abstain = rig.ask("abstain.now").verdict;
        CPPUNIT_ASSERT(abstain.decision == Decision::abstain);
        CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_REQUIRED"), abstain.code);
        CPPUNIT_ASSERT_EQUAL(std::string("API key required"), abstain.title);
    }
    void saysNothingOfAnErrorToTheClient() {
        Rig rig;
        Answer answer = rig.ask("error.now");
        assertUnavailable(answer);
        CPPUNIT_ASSERT(answer.verdict.message.find("hunter2") == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::string("the database is away"), answer.verdict.auditMessage);
    }
    void garbageLetsNobodyIn() {
        Rig rig;
        for (const char* action : {"zeroed.verdict", "decision.garbage", "null.strings", "null.headers",
                                   "not.utf", "allow.long", "allow.nobody", "allow.truncated", "allow.king"})
            assertUnavailable(rig.ask(action));
    }
    void invalidArgumentsChangeNothing() {
        Rig rig;
        assertUnavailable(rig.ask("null.verdict", 100ms));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("null -2 -2"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("tiny -2"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("wrong -1"));
    }
    void theFirstAnswerCounts() {
        Rig rig;
        CPPUNIT_ASSERT(rig.ask("allow.twice").verdict.decision == Decision::allow);
        rig.services.await("second -1");
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, rig.counters().stale);
    }
    void aLateAnswerIsStaleAndNotSettled() {
        Rig rig;
        assertUnavailable(rig.ask("late.answers", 60ms));
        rig.services.await("late -1");
        CPPUNIT_ASSERT(rig.counters().stale >= 1);
        rig.host.stop();
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rig.services.count("settled"));
    }
    void answersFromAnotherThreadWithRetainedBytes() {
        Rig rig;
        Gate gate;
        Asked asked(rig.plugin(), question("thread.answers", kPatience, gate.attributes()));
        rig.services.await("retain 0");
        gate.let();
        CPPUNIT_ASSERT_EQUAL(std::string("test:job-1:the body"), asked.take().verdict.principal.id);
        rig.services.await("after the body");
    }
    void anExceptionIsAnErrorAndNoMore() {
        Rig rig;
        assertUnavailable(rig.ask("throw.check"));
        CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
    }
    void settlesExactlyOnceInEveryWay() {
        Rig rig;
        {
            Answer answer = rig.ask("allow.now");
            answer.settlements[0]->accepted("run-7");
            answer.settlements[0]->abandoned(); // too late: it has been said
        }
        rig.services.await("settled accepted run-7");
        rig.ask("allow.now").settlements[0]->unknown();
        rig.services.await("settled unknown");
        rig.ask("allow.now"); // forgotten
        rig.services.await("settled abandoned");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, rig.services.count("settled"));
        for (const FakeServices::Line& line : rig.services.lines())
            if (line.text.find("settled") == 0) // the handle was good while settled() ran
                CPPUNIT_ASSERT_EQUAL(std::string("req-1"), line.requestId);
        std::vector<Answer> many;
        for (int i = 0; i < 100; ++i) many.push_back(rig.ask("allow.now"));
        many.clear();
        rig.services.await("settled", 103);
        rig.host.stop();
        CPPUNIT_ASSERT_EQUAL(std::size_t{103}, rig.services.count("settled"));
    }
    void anAllowThatCannotBeUsedIsAbandoned() {
        Rig rig;
        assertUnavailable(rig.ask("allow.nobody"));
        rig.services.await("nobody 0");
        rig.services.await("settled abandoned");
        rig.host.stop();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("settled"));
    }
    void cancelsOnlyWhatThePluginHasSeen() {
        Rig rig("mischief_serial");
        Gate gate;
        Asked first(rig.plugin(), question("hang.check", 60ms, gate.attributes()));
        Asked queued(rig.plugin(), question("allow.now", 60ms));
        assertUnavailable(first.take());
        assertUnavailable(queued.take());
        rig.services.await("cancel -1"); // while check() is still inside
        gate.let();
        rig.services.await("hung -1");
        rig.host.stop();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("cancel"));
    }
    void serialIsOneAtATime() {
        Rig rig("mischief_serial");
        std::vector<Asked> all;
        all.reserve(200);
        for (int i = 0; i < 200; ++i) all.emplace_back(rig.plugin(), question("serial.check"));
        for (Asked& asked : all) CPPUNIT_ASSERT(asked.take().verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rig.services.count("overlap"));
    }
    void checkThreadsBlockSignals() {
        Rig rig;
        rig.ask("mask.check");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("signals blocked"));
    }
    void nonblockingRunsOnTheCallersThread() {
        Rig rig("mischief_nonblocking");
        std::thread::id where;
        rig.plugin().check(question("allow.now"), [&](Answer) { where = std::this_thread::get_id(); });
        CPPUNIT_ASSERT(where == std::this_thread::get_id());
    }
    void nonblockingThatIsSlowIsDemoted() {
        Rig rig("mischief_nonblocking");
        for (int i = 0; i < 21; ++i) rig.ask("slow.check");
        CPPUNIT_ASSERT(rig.counters().demoted);
        rig.ask("mask.check");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("signals blocked"));
    }
    void nonblockingThatHangsHoldsTwoCallersAtMost() {
        Rig rig("mischief_nonblocking");
        Gate gate;
        std::vector<std::thread> callers;
        std::atomic<int> answered{0};
        for (int i = 0; i < 2; ++i)
            callers.emplace_back([&] {
                rig.plugin().check(question("hang.check", kPatience, gate.attributes()),
                                   [&](Answer) { ++answered; });
            });
        rig.services.await("NONBLOCKING"); // demoted by the sweeper while both are inside
        CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
        gate.let();
        for (std::thread& caller : callers) caller.join();
        CPPUNIT_ASSERT_EQUAL(2, answered.load());
    }
    void logsOneCleanLineWithoutCredentials() {
        Rig rig;
        const std::string secret = "job_0123456789abcdef";
        auto request = question("log.check", kPatience, {{"secret", secret}});
        request->headers = {{"Authorization", "Bearer " + secret}};
        Asked(rig.plugin(), request).take();
        bool found = false;
        for (const FakeServices::Line& line : rig.services.lines()) {
            CPPUNIT_ASSERT(line.text.find(secret) == std::string::npos);
            CPPUNIT_ASSERT(line.text.find('\n') == std::string::npos &&
                           line.text.find('\x1b') == std::string::npos);
            if (line.text.find("fake line") == std::string::npos) continue;
            found = true;
            CPPUNIT_ASSERT_EQUAL(std::string("plug"), line.plugin);
            CPPUNIT_ASSERT_EQUAL(std::string("req-1"), line.requestId);
            CPPUNIT_ASSERT_EQUAL(std::string("[removed]"), line.fields.at(0).second);
            CPPUNIT_ASSERT_EQUAL(std::string("nightly\\x0a"), line.fields.at(1).second);
        }
        CPPUNIT_ASSERT(found);
    }
    void offersItsExtensions() {
        Folder state;
        PluginSettings settings;
        settings.config = {{"token_file", state.write("token", "s3cret-token\n")}};
        settings.stateDir = state.path;
        settings.databaseUrl = "sqlite:///x/usher.db";
        Rig rig("mischief_parallel", settings);
        rig.ask("extension.check");
        for (const std::string& expected :
             {std::string("secret 0 s3cret-token"), std::string("short -3 12"), std::string("none -2"),
              std::string("url sqlite:///x/usher.db"), "dir " + state.path + "/plugins/plug " + state.path,
              std::string("turn 0 -2"), std::string("audit 0 -2"), std::string("no x/1")})
            CPPUNIT_ASSERT_MESSAGE(expected, rig.services.count(expected) == 1);
        struct stat st {};
        CPPUNIT_ASSERT(::stat((state.path + "/plugins/plug").c_str(), &st) == 0 &&
                       (st.st_mode & 0777) == 0700);
        CPPUNIT_ASSERT(rig.services.turns == 1 && rig.services.turnsGivenBack == 1);
        CPPUNIT_ASSERT_EQUAL(std::string("user:1"), rig.services.audits.at(0).actor);
        CPPUNIT_ASSERT_EQUAL(std::string("a\\x0ab"), rig.services.audits.at(0).detail);
        CPPUNIT_ASSERT(rig.services.audits.at(0).at > 0);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginInstanceTest);
