#include "PluginTestKit.h"

using namespace usher;
using namespace usher::test;

/// auth.hpp and the examples, seen from the host.
class WrapperTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WrapperTest);
    CPPUNIT_TEST(anExceptionBecomesAnErrorAndALogLine);
    CPPUNIT_TEST(aDroppedCallIsAnError);
    CPPUNIT_TEST(readsHeadersInAnyCaseAndRefusesDuplicates);
    CPPUNIT_TEST(aCallCanMoveToAnotherThread);
    CPPUNIT_TEST(abstainsWithItsTexts);
    CPPUNIT_TEST(wrongConfigIsRefused);
    CPPUNIT_TEST(servesRoutes);
    CPPUNIT_TEST(staticTokenLetsOnlyItsTokenIn);
    CPPUNIT_TEST(staticTokenNeedsAToken);
    CPPUNIT_TEST_SUITE_END();

    static Answer askWith(Rig& rig, const std::string& action, Fields headers) {
        auto request = question(action);
        request->headers = std::move(headers);
        return Asked(rig.plugin(), request).take();
    }

    void anExceptionBecomesAnErrorAndALogLine() {
        Rig rig("wrapped");
        assertUnavailable(rig.ask("throw.now"));
        rig.services.await("thrown inside");
        assertUnavailable(rig.ask("throw.odd"));
    }
    void aDroppedCallIsAnError() {
        Rig rig("wrapped");
        Answer answer = rig.ask("drop.call");
        assertUnavailable(answer);
        CPPUNIT_ASSERT_EQUAL(std::string("the plugin gave no verdict"), answer.verdict.auditMessage);
    }
    void readsHeadersInAnyCaseAndRefusesDuplicates() {
        PluginSettings settings;
        settings.config = {{"limit", "7"}, {"strict", "true"}};
        Rig rig("wrapped", settings);
        Answer answer = askWith(rig, "header.read", {{"x-ONE", "a"}, {"X-Two", "b"}});
        CPPUNIT_ASSERT_EQUAL(std::string("wrapped:a"), answer.verdict.principal.id);
        CPPUNIT_ASSERT_EQUAL(std::string("viewer"), answer.verdict.principal.role);
        CPPUNIT_ASSERT(answer.verdict.limits->limit == 7 && answer.verdict.limits->remaining == 1);
        CPPUNIT_ASSERT(answer.verdict.headers == (Fields{{"Retry-After", "1"}}));
        answer.settlements.clear();
        rig.services.await("settled 2");
        Verdict repeated = askWith(rig, "header.read", {{"X-One", "a"}, {"x-one", "a"}}).verdict;
        CPPUNIT_ASSERT_EQUAL(400, repeated.httpStatus);
    }
    void aCallCanMoveToAnotherThread() {
        Rig rig("wrapped");
        CPPUNIT_ASSERT_EQUAL(std::string("wrapped:job-1"), rig.ask("moved.call").verdict.principal.id);
    }
    void abstainsWithItsTexts() {
        Rig rig("wrapped");
        Verdict verdict = rig.ask("anything.else").verdict;
        CPPUNIT_ASSERT(verdict.decision == Decision::abstain);
        CPPUNIT_ASSERT_EQUAL(std::string("NOTHING"), verdict.code);
        CPPUNIT_ASSERT_EQUAL(std::string("Nothing of mine"), verdict.title);
        CPPUNIT_ASSERT_EQUAL(std::string("Ask another."), verdict.message);
    }
    void wrongConfigIsRefused() {
        PluginSettings settings;
        settings.config = {{"limit", "many"}};
        CPPUNIT_ASSERT_THROW(Rig("wrapped", settings), PluginRefused);
    }
    void servesRoutes() {
        Rig rig("wrapped");
        for (const auto& [id, status] : {std::pair<const char*, int>{"a", 200}, {"throw", 500}}) {
            std::promise<PluginResponse> promise;
            rig.host.routesOf("plug")->handle(0, question("wrapped.read"), {}, {{"id", id}}, {},
                                              [&](PluginResponse response) { promise.set_value(response); });
            auto future = promise.get_future();
            CPPUNIT_ASSERT(future.wait_for(kPatience) == std::future_status::ready);
            CPPUNIT_ASSERT_EQUAL(status, future.get().status);
        }
    }

    static constexpr const char* kToken = "ci-token-0123456789abcdef";
    struct TokenRig {
        explicit TokenRig(const std::string& content) : host(services) {
            PluginSettings settings;
            settings.name = "static-token";
            settings.path =
                folder.copyFile(std::string(USHER_TEST_PLUGINS) + "/static-token.so", "static-token.so");
            settings.config = {{"token_file", folder.write("token", content)}};
            host.add(settings);
            host.start();
        }
        Verdict ask(const std::string& action, Fields headers) {
            auto request = question(action);
            request->headers = std::move(headers);
            return Asked(*host.find("static-token"), request).take().verdict;
        }
        Folder folder;
        FakeServices services;
        PluginHost host;
    };
    void staticTokenLetsOnlyItsTokenIn() {
        const std::string token = kToken;
        TokenRig rig(token + "\n");
        for (const char* action : {"job.trigger", "run.read", "run.list"}) {
            Verdict verdict = rig.ask(action, {{"authorization", "bEARER " + token}});
            CPPUNIT_ASSERT(verdict.decision == Decision::allow);
            CPPUNIT_ASSERT_EQUAL(std::string("static-token:ci"), verdict.principal.id);
        }
        CPPUNIT_ASSERT(rig.ask("job.delete", {{"Authorization", "Bearer " + token}}).decision ==
                       Decision::deny);
        for (const std::string& wrong :
             {token + "x", token.substr(1), std::string(token.size(), 'x'), std::string(), token + '\0',
              token + "\n", std::string(100'000, 'a'), "Bearer " + token}) {
            Verdict verdict = rig.ask("job.trigger", {{"Authorization", "Bearer " + wrong}});
            CPPUNIT_ASSERT(verdict.decision == Decision::abstain && verdict.guess);
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_TOKEN"), verdict.code);
        }
        CPPUNIT_ASSERT(!rig.ask("job.trigger", {}).guess);
        CPPUNIT_ASSERT(rig.ask("job.trigger", {{"Authorization", token}}).decision == Decision::abstain);
        CPPUNIT_ASSERT_EQUAL(400, rig.ask("job.trigger", {{"Authorization", "Bearer " + token},
                                                          {"authorization", "Bearer " + token}})
                                      .httpStatus);
    }
    void staticTokenNeedsAToken() {
        for (const char* content :
             {"", "short\n", "with spaces in the middle of it\n", "two-lines-of-16-chars\nx\n"})
            CPPUNIT_ASSERT_THROW(TokenRig{content}, PluginRefused);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WrapperTest);
