#include "PluginTestKit.h"
#include "plugin/isolated/Frame.h"
#include "plugin/isolated/RestartPace.h"
#include "plugin/isolated/SpawnedHelpers.h"

#include <usher/ext/thread-check.h>

using namespace usher;
using namespace usher::test;

/// The same plugin in the daemon and in a process of its own: every call and every extension crosses; what a
/// dead helper costs; new code by reload. And the extensions themselves, in both.
class IsolatedPluginTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(IsolatedPluginTest);
    CPPUNIT_TEST(everyExtensionWorksInBoth);
    CPPUNIT_TEST(routesCross);
    CPPUNIT_TEST(settlementsCross);
    CPPUNIT_TEST(aDeadHelperCostsItsCallsAndComesBack);
    CPPUNIT_TEST(threeMissedDeadlinesEndTheHelper);
    CPPUNIT_TEST(aClientThatGoesAwayCallsItsQuestionOff);
    CPPUNIT_TEST(reloadIsTakenInPlaceInBoth);
    CPPUNIT_TEST(aRefusedReloadInPlaceChangesNothing);
    CPPUNIT_TEST(aReloadInPlaceSurvivesACrashAndNewCodeIsLoaded);
    CPPUNIT_TEST(reloadBringsNewCodeAndACrashDoesNot);
    CPPUNIT_TEST(aRefusedReloadLeavesTheOldOne);
    CPPUNIT_TEST(aHelperThatDiesWhileStartingIsRefused);
    CPPUNIT_TEST(theWriterTurnIsGivenBackWhenItsHolderDies);
    CPPUNIT_TEST(restartsSlowDown);
    CPPUNIT_TEST(damagedFramesThrow);
    CPPUNIT_TEST_SUITE_END();

    struct Helped final : HostServices {
        FakeServices inner;
        SpawnedHelpers starter{USHER_TEST_HELPER};
        void log(int severity, const std::string& plugin, const std::string& requestId,
                 const std::string& text, const Fields& fields) override {
            inner.log(severity, plugin, requestId, text, fields);
        }
        bool audit(const std::string& plugin, AuditRecord record) override {
            return inner.audit(plugin, std::move(record));
        }
        WriterTurn* writerTurn() override { return inner.writerTurn(); }
        HelperStarter* helpers() override { return &starter; }
    };

    struct Both {
        explicit Both(bool isolated, Fields config = {{"word", "w"}}, const std::string& fixture = "extended")
            : host(services) {
            settings.name = "plug";
            settings.isolated = isolated;
            settings.deadline = kPatience;
            settings.config = std::move(config);
            settings.config.emplace_back("token_file", folder.write("token", "s3cret\n"));
            settings.stateDir = folder.path;
            settings.path = folder.copy(fixture, "plug.so");
            host.add(settings);
            host.start();
        }
        ~Both() { host.stop(); }
        Answer ask(const std::string& action) { return Asked(*host.find("plug"), question(action)).take(); }
        /// Asks what is never answered, and waits in vain.
        Answer miss() { return Asked(*host.find("plug"), question("never.answer", 400ms)).take(); }
        std::string told(const std::string& action) { return ask(action).verdict.principal.id; }
        /// Until the helper answers again.
        std::string toldAgain(const std::string& action) {
            const Instant until = std::chrono::steady_clock::now() + kPatience;
            while (std::chrono::steady_clock::now() < until) {
                Answer answer = ask(action);
                if (answer.verdict.decision == Decision::allow) return answer.verdict.principal.id;
                std::this_thread::sleep_for(2ms);
            }
            CPPUNIT_FAIL("the helper does not come back");
            return {};
        }

        Folder folder;
        Helped services;
        PluginHost host;
        PluginSettings settings;
    };

    void everyExtensionWorksInBoth() {
        for (bool isolated : {false, true}) {
            Both both(isolated);
            Answer answer = both.ask("plain.ask");
            CPPUNIT_ASSERT_EQUAL(std::string("extended:w"), answer.verdict.principal.id);
            CPPUNIT_ASSERT_EQUAL(std::string("editor"), answer.verdict.principal.role);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, answer.verdict.limits->remaining);
            CPPUNIT_ASSERT_EQUAL(std::string("3"), answer.verdict.headers.at(0).second);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answer.settlements.size());
            CPPUNIT_ASSERT_EQUAL(std::string("extended:ws3cret"), both.told("secret.tell"));
            CPPUNIT_ASSERT_EQUAL("extended:w" + both.folder.path + "/plugins/plug", both.told("folder.tell"));
            CPPUNIT_ASSERT_EQUAL("extended:w" + std::to_string(USHER_THREAD_CHECK), both.told("thread.tell"));
            CPPUNIT_ASSERT_EQUAL(std::string("extended:wtaken"), both.told("turn.take"));
            both.told("log.it");
            both.services.inner.await("a line");
            const auto lines = both.services.inner.lines();
            auto line =
                std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.text == "a line"; });
            CPPUNIT_ASSERT_EQUAL(std::string("req-1"), line->requestId);
            CPPUNIT_ASSERT_EQUAL(std::string("value"), line->fields.at(0).second);
            both.told("audit.it");
            both.told("count.it");
            both.told("count.it");
            while (both.told("ticks.tell") != "extended:wmany") std::this_thread::sleep_for(5ms);
            CPPUNIT_ASSERT_EQUAL(std::string("thing.done"), both.services.inner.audits.at(0).action);
            const PluginStatus status = both.host.status().at(0);
            CPPUNIT_ASSERT(status.healthy);
            CPPUNIT_ASSERT_EQUAL(isolated, status.isolated);
            CPPUNIT_ASSERT_EQUAL(std::size_t{2}, status.metrics.size());
            CPPUNIT_ASSERT_EQUAL(0.5, status.metrics.at(0).value);
            CPPUNIT_ASSERT_EQUAL(4.0, status.metrics.at(1).value);
            const bool here = both.told("process.tell") == "extended:w" + std::to_string(::getpid());
            CPPUNIT_ASSERT_EQUAL(!isolated, here);
            PluginSettings wrong = both.settings;
            wrong.config = {{"unknown", "1"}};
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, both.host.checkConfig(wrong).size());
        }
    }

    void routesCross() {
        Both both(true);
        auto request = question("extended.write");
        std::promise<PluginResponse> promise;
        both.host.routesOf("plug")->handle(
            0, request, {"user:1", "Ann", "editor"}, {{"id", "j/1"}}, {{"q", "1 2"}},
            [&](PluginResponse response) { promise.set_value(std::move(response)); });
        const PluginResponse response = promise.get_future().get();
        CPPUNIT_ASSERT_EQUAL(201, response.status);
        CPPUNIT_ASSERT_EQUAL(std::string("user:1|j/1|1 2|the body"), response.body);
        CPPUNIT_ASSERT_EQUAL(std::string("text/plain"), response.contentType);
        CPPUNIT_ASSERT_EQUAL(std::string("/x"), response.headers.at(0).second);
    }

    void settlementsCross() {
        Both both(true);
        both.ask("plain.ask").settlements.at(0)->accepted("run-7");
        both.services.inner.await("settled 1 run-7");
        both.ask("plain.ask"); // dropped
        both.services.inner.await("settled 2");
        both.ask("plain.ask").settlements.at(0)->unknown();
        both.services.inner.await("settled 3");
    }

    void aDeadHelperCostsItsCallsAndComesBack() {
        Both both(true);
        const std::string before = both.told("process.tell");
        Asked open(*both.host.find("plug"), question("never.answer"));
        assertUnavailable(both.ask("die.now"));
        assertUnavailable(open.take());
        const std::string after = both.toldAgain("process.tell");
        CPPUNIT_ASSERT(before != after);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, both.services.inner.count("ended unexpectedly"));
    }

    void threeMissedDeadlinesEndTheHelper() {
        Both both(true);
        const std::string before = both.told("process.tell");
        for (int i = 0; i < 2; ++i) assertUnavailable(both.miss());
        CPPUNIT_ASSERT_EQUAL(before, both.told("process.tell")); // in between: it is not in a row any more
        for (int i = 0; i < 3; ++i) assertUnavailable(both.miss());
        both.services.inner.await("missed three deadlines in a row");
        CPPUNIT_ASSERT(before != both.toldAgain("process.tell"));
    }

    void aClientThatGoesAwayCallsItsQuestionOff() {
        for (bool isolated : {false, true}) {
            Both both(isolated);
            const std::string process = both.told("process.tell");
            std::vector<std::shared_ptr<AuthRequest>> questions;
            std::vector<std::unique_ptr<Asked>> open;
            for (int i = 0; i < 20; ++i) {
                questions.push_back(question("never.answer"));
                questions.back()->askers = std::make_shared<Askers>();
                CPPUNIT_ASSERT(questions.back()->askers->join()); // two share it
                open.push_back(std::make_unique<Asked>(*both.host.find("plug"), questions.back()));
                questions.back()->askers->leave();
            }
            const auto counters = [&] { return both.host.status().at(0).counters; };
            while (both.told("kept.tell") != "extended:w20") std::this_thread::sleep_for(2ms);
            CPPUNIT_ASSERT_EQUAL(std::size_t{20}, counters().inFlight);
            for (auto& each : questions) each->askers->leave();
            for (auto& each : open) {
                const Answer answer = each->take();
                CPPUNIT_ASSERT(answer.verdict.decision == Decision::error);
                CPPUNIT_ASSERT_EQUAL(std::string("CLIENT_GONE"), answer.verdict.code);
            }
            both.services.inner.await("cancelled", 20);
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, counters().inFlight);
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{20}, counters().calledOff);
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, counters().deadlinesMissed);
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, counters().errors);
            CPPUNIT_ASSERT(!counters().breakerOpen);
            CPPUNIT_ASSERT_EQUAL(std::string("stale:20"), both.told("kept.allow"));
            CPPUNIT_ASSERT_EQUAL(process, both.told("process.tell"));
        }
    }

    void reloadIsTakenInPlaceInBoth() {
        for (bool isolated : {false, true}) {
            Both both(isolated, {{"word", "w"}}, "extended_reloads");
            const std::string process = both.told("process.tell");
            both.settings.config.at(0).second = "v";
            both.settings.config.at(1).second = both.folder.write("other", "fresh\n");
            both.host.reload(both.settings);
            CPPUNIT_ASSERT_EQUAL("extended:v" + process.substr(10), both.told("process.tell"));
            CPPUNIT_ASSERT_EQUAL(std::string("extended:vfresh"), both.told("secret.tell"));
            // What is not the plugin's own needs a second instance.
            both.settings.deadline = kPatience / 2;
            both.host.reload(both.settings);
            CPPUNIT_ASSERT_EQUAL(!isolated, both.told("process.tell") == "extended:v" + process.substr(10));
        }
    }

    void aRefusedReloadInPlaceChangesNothing() {
        for (bool isolated : {false, true}) {
            Both both(isolated, {{"word", "w"}}, "extended_reloads");
            const std::string process = both.told("process.tell");
            PluginSettings fresh = both.settings;
            fresh.config.at(0).second = "refuse";
            fresh.config.at(1).second = both.folder.write("other", "fresh\n");
            try {
                both.host.reload(fresh);
                CPPUNIT_FAIL("a refused configuration is in force");
            } catch (const PluginRefused& refused) {
                CPPUNIT_ASSERT_MESSAGE(refused.what(),
                                       std::string(refused.what()).find("the word is refuse") !=
                                           std::string::npos);
            }
            CPPUNIT_ASSERT_EQUAL(process, both.told("process.tell"));
            CPPUNIT_ASSERT_EQUAL(std::string("extended:ws3cret"), both.told("secret.tell"));
            fresh.config = {{"unknown", "1"}};
            CPPUNIT_ASSERT_THROW(both.host.reload(fresh), PluginRefused);
            CPPUNIT_ASSERT_EQUAL(process, both.told("process.tell"));
        }
    }

    void aReloadInPlaceSurvivesACrashAndNewCodeIsLoaded() {
        Both both(true, {{"word", "w"}}, "extended_reloads");
        both.settings.config.at(0).second = "v";
        both.host.reload(both.settings);
        assertUnavailable(both.ask("die.now"));
        CPPUNIT_ASSERT_EQUAL(std::string("extended:v1.0.0"), both.toldAgain("version.tell"));
        // One that ends while it takes the configuration comes back with the one that held.
        both.settings.config.at(0).second = "die";
        CPPUNIT_ASSERT_THROW(both.host.reload(both.settings), PluginRefused);
        CPPUNIT_ASSERT_EQUAL(std::string("extended:v1.0.0"), both.toldAgain("version.tell"));
        ::unlink((both.folder.path + "/plug.so").c_str());
        both.folder.copy("extended_new", "plug.so");
        both.settings.config.at(0).second = "u";
        both.host.reload(both.settings);
        CPPUNIT_ASSERT_EQUAL(std::string("extended:u2.0.0"), both.told("version.tell"));
    }

    void reloadBringsNewCodeAndACrashDoesNot() {
        Both both(true);
        CPPUNIT_ASSERT_EQUAL(std::string("extended:w1.0.0"), both.told("version.tell"));
        ::unlink((both.folder.path + "/plug.so").c_str());
        both.folder.copy("extended_new", "plug.so");
        CPPUNIT_ASSERT(both.host.status().at(0).differsFromDisk);
        assertUnavailable(both.ask("die.now"));
        CPPUNIT_ASSERT_EQUAL(std::string("extended:w1.0.0"), both.toldAgain("version.tell"));
        both.settings.config.at(0).second = "v";
        both.host.reload(both.settings);
        CPPUNIT_ASSERT_EQUAL(std::string("extended:v2.0.0"), both.told("version.tell"));
        CPPUNIT_ASSERT(!both.host.status().at(0).differsFromDisk);
        CPPUNIT_ASSERT_EQUAL(std::string("2.0.0"), both.host.status().at(0).version);
    }

    void aRefusedReloadLeavesTheOldOne() {
        Both both(true);
        const std::string before = both.told("process.tell");
        for (const char* word : {"refuse", "die"}) {
            PluginSettings wrong = both.settings;
            wrong.config.at(0).second = word;
            CPPUNIT_ASSERT_THROW(both.host.reload(wrong), PluginRefused);
            CPPUNIT_ASSERT_EQUAL(before, both.told("process.tell"));
        }
        CPPUNIT_ASSERT(both.services.inner.count("the word is refuse") > 0);
    }

    void aHelperThatDiesWhileStartingIsRefused() {
        CPPUNIT_ASSERT_THROW(Both(true, {{"word", "die"}}), PluginRefused);
        CPPUNIT_ASSERT_THROW(Both(true, {{"word", "refuse"}}), PluginRefused);
    }

    void theWriterTurnIsGivenBackWhenItsHolderDies() {
        Both both(true);
        both.told("turn.take");
        const Instant until = std::chrono::steady_clock::now() + kPatience;
        while (both.services.inner.turnsGivenBack < 1 && std::chrono::steady_clock::now() < until)
            std::this_thread::sleep_for(1ms);
        CPPUNIT_ASSERT_EQUAL(both.services.inner.turns.load(), both.services.inner.turnsGivenBack.load());
    }

    void restartsSlowDown() {
        RestartPace pace;
        Instant now{};
        std::vector<std::int64_t> pauses;
        for (int i = 0; i < 9; ++i) {
            pace.started(now);
            now += 100ms;
            const auto pause = pace.lost(now);
            pauses.push_back(pause.count());
            now += pause;
        }
        const std::vector<std::int64_t> wanted = {0, 0, 0, 200, 400, 800, 1600, 3200, 5000};
        CPPUNIT_ASSERT(wanted == pauses);
        pace.started(now);
        now += 11s;
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, std::int64_t{pace.lost(now).count()});
    }

    void damagedFramesThrow() {
        AuthRequest request = *question("x.y");
        request.headers = {{"A", "b"}};
        const std::string whole = FrameWriter(FrameType::check).number(7).request(request).take().substr(4);
        for (std::size_t size = 0; size < whole.size(); ++size)
            CPPUNIT_ASSERT_THROW(
                {
                    FrameReader frame(std::string_view(whole).substr(0, size));
                    frame.number();
                    frame.request();
                },
                FrameError);
        FrameReader frame(whole);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{7}, frame.number());
        CPPUNIT_ASSERT_EQUAL(std::string("b"), frame.request().headers.at(0).second);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(IsolatedPluginTest);
