#include "PluginTestKit.h"

using namespace usher;
using namespace usher::test;

/// Life cycle, isolation of one plugin from the next, reload, routes.
class PluginHostTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(PluginHostTest);
    CPPUNIT_TEST(hangingCallsEndAtTheirDeadlineAndTouchNobodyElse);
    CPPUNIT_TEST(callsInFlightAreBounded);
    CPPUNIT_TEST(aPluginThatNeverComesBackIsLeftAlone);
    CPPUNIT_TEST(stopsAndDestroysOnce);
    CPPUNIT_TEST(aFailedCreateSaysWhy);
    CPPUNIT_TEST(asksNobodyBeforeStartAndAfterStop);
    CPPUNIT_TEST(reportsHealth);
    CPPUNIT_TEST(reloadSwapsOnlyWhatWorks);
    CPPUNIT_TEST(checksConfigAgainstTheSchema);
    CPPUNIT_TEST(routesAnswerWithWhatThePluginSaid);
    CPPUNIT_TEST(routesThatFailAnswer503);
    CPPUNIT_TEST(slowRoutesDoNotDelayChecks);
    CPPUNIT_TEST(serialIncludesRoutes);
    CPPUNIT_TEST_SUITE_END();

    static PluginResponse call(Rig& rig, std::size_t route, std::shared_ptr<AuthRequest> request) {
        auto promise = std::make_shared<std::promise<PluginResponse>>();
        auto future = promise->get_future();
        rig.host.routesOf("plug")->handle(
            route, std::move(request), {"user:1", "Ann", "editor"}, {{"id", "j/1"}, {"key", "k"}},
            {{"q", "1 2"}}, [promise](PluginResponse response) { promise->set_value(response); });
        if (future.wait_for(kPatience) != std::future_status::ready) CPPUNIT_FAIL("no response came");
        return future.get();
    }
    static std::shared_ptr<AuthRequest>
    routed(const std::string& mode, std::chrono::milliseconds deadline = kPatience, Fields attributes = {}) {
        auto request = question("x.create", deadline, std::move(attributes));
        request->resource = mode;
        return request;
    }

    void hangingCallsEndAtTheirDeadlineAndTouchNobodyElse() {
        Rig rig;
        PluginSettings other;
        other.name = "other";
        FakeServices services;
        PluginHost second(services);
        other.path = rig.folder.copy("mischief_parallel", "other.so");
        second.add(other);
        second.start();

        Gate gate;
        std::vector<Asked> hanging;
        hanging.reserve(200);
        for (int i = 0; i < 200; ++i)
            hanging.emplace_back(rig.plugin(), question("hang.check", 150ms, gate.attributes()));
        CPPUNIT_ASSERT(Asked(*second.find("other"), question("allow.now")).take().verdict.decision ==
                       Decision::allow);
        for (Asked& asked : hanging) assertUnavailable(asked.take());
        CPPUNIT_ASSERT(rig.counters().breakerOpen);
        // At once: long before this call's own deadline.
        assertUnavailable(rig.ask("allow.now"));
        CPPUNIT_ASSERT(rig.counters().refusedByBreaker >= 1);
        gate.let();
        // A probe a second finds out that it answers again.
        const Instant until = std::chrono::steady_clock::now() + kPatience;
        while (rig.ask("allow.now").verdict.decision != Decision::allow &&
               std::chrono::steady_clock::now() < until)
            std::this_thread::yield();
        CPPUNIT_ASSERT(!rig.counters().breakerOpen);
        CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{200}, rig.counters().deadlinesMissed);
    }
    void callsInFlightAreBounded() {
        PluginSettings settings;
        settings.maxInFlight = 5;
        Rig rig("mischief_parallel", settings);
        std::vector<Asked> open;
        for (int i = 0; i < 5; ++i) open.emplace_back(rig.plugin(), question("never.answers", 300ms));
        Answer sixth = rig.ask("allow.now");
        assertUnavailable(sixth);
        CPPUNIT_ASSERT(sixth.verdict.auditMessage.find("in flight") != std::string::npos);
        for (Asked& asked : open) assertUnavailable(asked.take());
        CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
    }
    void aPluginThatNeverComesBackIsLeftAlone() {
        Rig rig;
        Gate gate;
        Asked asked(rig.plugin(), question("hang.check", 100ms, gate.attributes()));
        CPPUNIT_ASSERT(!rig.host.stop(200ms));
        assertUnavailable(asked.take());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("left alone"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                             rig.services.count("destroy") - rig.services.count("not destroyed"));
        assertUnavailable(rig.ask("allow.now"));
        gate.let();
        rig.services.await("hung -1"); // it comes back into memory that is still there
    }
    void stopsAndDestroysOnce() {
        Rig rig;
        CPPUNIT_ASSERT(rig.host.stop());
        CPPUNIT_ASSERT(rig.host.stop());
        std::vector<std::string> said;
        for (const auto& line : rig.services.lines()) said.push_back(line.text);
        CPPUNIT_ASSERT(said == (std::vector<std::string>{"stop", "destroy"}));
    }
    void aFailedCreateSaysWhy() {
        FakeServices services;
        PluginHost host(services);
        Folder folder;
        PluginSettings settings;
        settings.name = "plug";
        settings.path = folder.copy("mischief_parallel");
        settings.config = {{"create", "fails"}};
        CPPUNIT_ASSERT_EQUAL(std::string("plugin plug (" + settings.path +
                                         "): create failed: the moon is in the wrong quarter"),
                             refusal([&] { host.add(settings); }));
        settings.config = {{"create", "throws"}};
        CPPUNIT_ASSERT(refusal([&] { host.add(settings); }).find("exception") != std::string::npos);
        settings.name = "No Name";
        CPPUNIT_ASSERT(refusal([&] { host.add(settings); }).find("a-z, 0-9 and -") != std::string::npos);
        CPPUNIT_ASSERT(!host.find("plug"));
        CPPUNIT_ASSERT(host.stop());
    }
    void asksNobodyBeforeStartAndAfterStop() {
        FakeServices services;
        PluginHost host(services);
        Folder folder;
        PluginSettings settings;
        settings.name = "plug";
        settings.path = folder.copy("mischief_parallel");
        host.add(settings);
        assertUnavailable(Asked(*host.find("plug"), question("allow.now")).take());
        host.start();
        Answer allowed = Asked(*host.find("plug"), question("allow.now")).take();
        CPPUNIT_ASSERT(allowed.verdict.decision == Decision::allow);
        host.stop(100ms); // `allowed` still holds its settlement
        assertUnavailable(Asked(*host.find("plug"), question("allow.now")).take());
        allowed.settlements.clear(); // nobody is there to be told; and nothing breaks
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, services.count("settled"));
    }
    void reportsHealth() {
        Rig rig;
        CPPUNIT_ASSERT(rig.host.status().at(0).healthy);
        CPPUNIT_ASSERT_EQUAL(std::string("mischief"), rig.host.status().at(0).id);
        CPPUNIT_ASSERT(!rig.host.status().at(0).differsFromDisk);
        PluginSettings sick;
        sick.config = {{"sick", "true"}};
        Rig ill("mischief_parallel", sick);
        PluginStatus status = ill.host.status().at(0);
        CPPUNIT_ASSERT(!status.healthy);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, status.reason.find("not\\x0awell"));
    }
    void reloadSwapsOnlyWhatWorks() {
        Rig rig;
        PluginSettings settings;
        settings.name = "plug";
        settings.path = rig.folder.path + "/plug.so";
        settings.config = {{"create", "fails"}};
        CPPUNIT_ASSERT(refusal([&] { rig.host.reload(settings); }).find("wrong quarter") !=
                       std::string::npos);
        settings.config = {{"sick", "true"}};
        CPPUNIT_ASSERT(refusal([&] { rig.host.reload(settings); }).find("not healthy") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("destroy")); // the sick one
        const Authenticator* before = rig.host.find("plug");
        CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
        settings.config = {};
        rig.host.reload(settings);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, rig.services.count("destroy"));
        CPPUNIT_ASSERT(before == rig.host.find("plug"));
        CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(201, call(rig, 1, routed("plain")).status);
    }
    void checksConfigAgainstTheSchema() {
        FakeServices services;
        PluginHost host(services);
        Folder folder;
        PluginSettings settings;
        settings.name = "wrapped";
        settings.path = folder.copy("wrapped");
        settings.config = {{"limit", "7"}, {"strict", "true"}, {"token_file", "/etc/x"}};
        CPPUNIT_ASSERT(host.checkConfig(settings).empty());
        settings.config = {{"limit", "10"}, {"strict", "yes"}, {"limits", "1"}, {"token_file", ""}};
        const auto problems = host.checkConfig(settings);
        const std::vector<std::string> expected{"limit must be a whole number from 1 to 9",
                                                "strict must be true or false", "unknown key limits",
                                                "token_file must name a file"};
        CPPUNIT_ASSERT_EQUAL(expected.size(), problems.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(i, problems[i].key);
            CPPUNIT_ASSERT_EQUAL(expected[i], problems[i].message);
        }
        CPPUNIT_ASSERT(refusal([&] { host.add(settings); }).find("unknown key limits") != std::string::npos);
    }
    void routesAnswerWithWhatThePluginSaid() {
        Rig rig;
        const PluginRoutes& routes = *rig.host.routesOf("plug");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, routes.routes().size());
        CPPUNIT_ASSERT(routes.routes()[1] ==
                       (PluginRoute{"POST", "/api/x/{id}/y/{key}", "x.create", "id", 1024}));
        CPPUNIT_ASSERT_EQUAL(std::string("{\"/api/x\":{}}"), routes.openapiPaths());
        PluginResponse response = call(rig, 1, routed("plain"));
        CPPUNIT_ASSERT_EQUAL(201, response.status);
        CPPUNIT_ASSERT_EQUAL(std::string("application/json"), response.contentType);
        CPPUNIT_ASSERT_EQUAL(std::string("user:1|editor|id=j/1|key=k|q=1 2|the body"), response.body);
        CPPUNIT_ASSERT(response.headers == (Fields{{"Location", "/api/x/1"}, {"Set-Cookie", "a=1"}}));
        rig.services.await("respond 0 -1");
    }
    void routesThatFailAnswer503() {
        Rig rig;
        for (const char* mode : {"never", "throw", "garbage"}) {
            PluginResponse response = call(rig, 1, routed(mode, 80ms));
            CPPUNIT_ASSERT_EQUAL(503, response.status);
            CPPUNIT_ASSERT(response.body.find("AUTH_UNAVAILABLE") != std::string::npos);
            CPPUNIT_ASSERT(response.body.find("req-1") != std::string::npos);
        }
        rig.services.await("cancel"); // of `never`
        CPPUNIT_ASSERT_EQUAL(201, call(rig, 1, routed("verdict")).status);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rig.services.count("verdict -2"));
        CPPUNIT_ASSERT_EQUAL(503, call(rig, 9, routed("plain")).status);
        CPPUNIT_ASSERT(!rig.counters().breakerOpen);
    }
    void slowRoutesDoNotDelayChecks() {
        Rig rig;
        Gate gate;
        std::atomic<int> done{0};
        for (int i = 0; i < 20; ++i)
            rig.host.routesOf("plug")->handle(1, routed("hang", kPatience, gate.attributes()), {}, {}, {},
                                              [&](PluginResponse) { ++done; });
        for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(rig.ask("allow.now").verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(0, done.load());
        gate.let();
        rig.host.stop();
        CPPUNIT_ASSERT_EQUAL(20, done.load());
    }
    void serialIncludesRoutes() {
        Rig rig("mischief_serial");
        std::atomic<int> done{0};
        std::vector<Asked> all;
        all.reserve(100);
        for (int i = 0; i < 100; ++i) {
            all.emplace_back(rig.plugin(), question("serial.check"));
            rig.host.routesOf("plug")->handle(1, routed("serial"), {}, {}, {},
                                              [&](PluginResponse) { ++done; });
        }
        for (Asked& asked : all) asked.take();
        rig.host.stop();
        CPPUNIT_ASSERT_EQUAL(100, done.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rig.services.count("overlap"));
    }

    template <class Body>
    static std::string refusal(Body body) {
        try {
            body();
        } catch (const PluginRefused& refused) {
            return refused.what();
        }
        CPPUNIT_FAIL("was not refused");
        return {};
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(PluginHostTest);
