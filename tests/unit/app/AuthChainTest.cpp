#include "app/AuthChain.h"
#include "app/Shadow.h"

#include "support/Fakes.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::test;

class AuthChainTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AuthChainTest);
    CPPUNIT_TEST(theFirstThatDoesNotAbstainDecides);
    CPPUNIT_TEST(nobodyIsAskedAfterADenyOrAnError);
    CPPUNIT_TEST(whenAllAbstainTheFirstWordsRefuse);
    CPPUNIT_TEST(anEmptyChainRefuses);
    CPPUNIT_TEST(modeAllNeedsEveryAllow);
    CPPUNIT_TEST(aLaterDenyGivesBackWhatEarlierAllowsCost);
    CPPUNIT_TEST(explainEndsAsCheckDoesAndKeepsNothing);
    CPPUNIT_TEST(aShadowIsAskedAndNeverDecides);
    CPPUNIT_TEST(limitsStandInTheFields);
    CPPUNIT_TEST(ofTwoWindowsTheTighterOneIsShown);
    CPPUNIT_TEST(aTriggerSetsNoCookie);
    CPPUNIT_TEST(anAbstentionWithoutACodeKeepsItsFields);
    CPPUNIT_TEST_SUITE_END();

    static Answer ask(AuthChain& chain) {
        Answer out;
        int calls = 0;
        chain.check(std::make_shared<AuthRequest>(), [&](Answer answer) {
            out = std::move(answer);
            ++calls;
        });
        CPPUNIT_ASSERT_EQUAL(1, calls);
        return out;
    }

    /// Every chain of three, in both modes.
    void explainEndsAsCheckDoesAndKeepsNothing() {
        const Decision all[] = {Decision::allow, Decision::deny, Decision::abstain, Decision::error};
        for (AuthChain::Mode mode : {AuthChain::Mode::first, AuthChain::Mode::all})
            for (Decision x : all)
                for (Decision y : all)
                    for (Decision z : all) {
                        auto say = [](Decision d, const char* code) {
                            return d == Decision::allow ? allowed(code) : saying(d, code, 401);
                        };
                        ScriptedAuthenticator a("a", say(x, "A")), b("b", say(y, "B")), c("c", say(z, "C"));
                        AuthChain chain("run", mode, {&a, &b, &c});
                        const Verdict verdict = ask(chain).verdict;
                        const int asked = a.asked + b.asked + c.asked;
                        int calls = 0;
                        chain.explain(std::make_shared<AuthRequest>(), [&](AuthChain::Explanation told) {
                            ++calls;
                            CPPUNIT_ASSERT(verdict.decision == told.outcome.decision);
                            CPPUNIT_ASSERT_EQUAL(verdict.code, told.outcome.code);
                            CPPUNIT_ASSERT_EQUAL(verdict.principal.id, told.outcome.principal.id);
                            CPPUNIT_ASSERT_EQUAL(std::size_t{3}, told.steps.size());
                            int asking = 0;
                            for (const auto& step : told.steps) asking += step.asked;
                            CPPUNIT_ASSERT_EQUAL(asked, asking);
                            // Whoever asks again when he is told finds nothing spent.
                            for (const auto* one : {&a, &b, &c})
                                CPPUNIT_ASSERT_EQUAL(
                                    one->verdict.decision == Decision::allow ? one->asked.load() : 0,
                                    one->settlements.abandoned.load());
                        });
                        CPPUNIT_ASSERT_EQUAL(1, calls);
                        CPPUNIT_ASSERT_EQUAL(2 * asked, a.asked + b.asked + c.asked);
                    }
    }
    void aShadowIsAskedAndNeverDecides() {
        ScriptedAuthenticator live("live", allowed("live:1")), shy("shy", saying(Decision::deny, "NO")),
            like("like", allowed("like:1")), broken("broken", saying(Decision::error));
        std::vector<std::string> lines;
        auto report = [&](const std::string& line) { lines.push_back(line); };
        Shadow differs(shy, report), agrees(like, report), cannot(broken, report);
        for (Shadow* shadow : {&differs, &agrees, &cannot}) {
            AuthChain chain("run", AuthChain::Mode::first, {&live}, shadow);
            Answer answer = ask(chain);
            CPPUNIT_ASSERT_EQUAL(std::string("live:1"), answer.verdict.principal.id);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answer.settlements.size());
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, shadow->asked());
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, differs.differences());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, agrees.differences() + cannot.differences());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, cannot.errors());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lines.size());
        CPPUNIT_ASSERT(lines[0].find("shy denies (NO) where chain run allows") != std::string::npos);
        AuthChain refusing("run", AuthChain::Mode::first, {&shy}, &agrees);
        CPPUNIT_ASSERT(ask(refusing).verdict.decision == Decision::deny);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, agrees.differences());
    }
    void theFirstThatDoesNotAbstainDecides() {
        ScriptedAuthenticator a("a", saying(Decision::abstain, "A")), b("b", allowed("b:1")),
            c("c", allowed("c:1"));
        AuthChain chain("run", AuthChain::Mode::first, {&a, &b, &c});
        Answer answer = ask(chain);
        CPPUNIT_ASSERT(answer.verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(std::string("b:1"), answer.verdict.principal.id);
        CPPUNIT_ASSERT_EQUAL(0, c.asked.load());
    }
    void nobodyIsAskedAfterADenyOrAnError() {
        for (Decision decision : {Decision::deny, Decision::error}) {
            ScriptedAuthenticator a("a", saying(decision, "NO")), b("b", allowed());
            AuthChain chain("run", AuthChain::Mode::first, {&a, &b});
            CPPUNIT_ASSERT(ask(chain).verdict.decision == decision);
            CPPUNIT_ASSERT_EQUAL(0, b.asked.load());
        }
    }
    void whenAllAbstainTheFirstWordsRefuse() {
        ScriptedAuthenticator a("a", saying(Decision::abstain)), b("b", saying(Decision::abstain, "B", 401)),
            c("c", saying(Decision::abstain, "C", 403));
        AuthChain chain("run", AuthChain::Mode::first, {&a, &b, &c});
        Answer answer = ask(chain);
        CPPUNIT_ASSERT(answer.verdict.decision == Decision::deny);
        CPPUNIT_ASSERT_EQUAL(std::string("B"), answer.verdict.code);
        CPPUNIT_ASSERT_EQUAL(401, answer.verdict.httpStatus);
    }
    void anEmptyChainRefuses() {
        AuthChain chain("run", AuthChain::Mode::first, {}), all("run", AuthChain::Mode::all, {});
        CPPUNIT_ASSERT(ask(chain).verdict.decision == Decision::deny);
        CPPUNIT_ASSERT(ask(all).verdict.decision == Decision::deny);
    }
    void modeAllNeedsEveryAllow() {
        ScriptedAuthenticator a("a", allowed("a:1")), b("b", allowed("b:1")),
            c("c", saying(Decision::abstain, "C", 401));
        AuthChain both("x", AuthChain::Mode::all, {&a, &b});
        Answer answer = ask(both);
        CPPUNIT_ASSERT(answer.verdict.decision == Decision::allow);
        CPPUNIT_ASSERT_EQUAL(std::string("a:1"), answer.verdict.principal.id);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, answer.settlements.size());
        CPPUNIT_ASSERT_EQUAL(std::string("principal"), b.lastRequest->attributes.back().first);
        CPPUNIT_ASSERT_EQUAL(std::string("a:1"), b.lastRequest->attributes.back().second);
        AuthChain three("x", AuthChain::Mode::all, {&a, &c, &b});
        int before = b.asked;
        Answer refused = ask(three);
        CPPUNIT_ASSERT(refused.verdict.decision == Decision::deny);
        CPPUNIT_ASSERT(refused.settlements.empty());
        CPPUNIT_ASSERT_EQUAL(before, b.asked.load());
    }
    static std::string fieldsOf(const Answer& answer) {
        std::string text;
        for (const auto& [name, value] : answer.verdict.headers) text += name + '=' + value + ' ';
        return text;
    }
    void limitsStandInTheFields() {
        for (Decision decision : {Decision::allow, Decision::deny, Decision::abstain}) {
            Verdict verdict = decision == Decision::allow ? allowed() : saying(decision, "NO");
            verdict.limits = RateLimit{10, 6, 30'001};
            verdict.headers = {{"ratelimit-limit", "99"}};
            ScriptedAuthenticator a("a", verdict);
            AuthChain chain("x", AuthChain::Mode::first, {&a});
            CPPUNIT_ASSERT_EQUAL(
                std::string("ratelimit-limit=99 RateLimit-Remaining=6 RateLimit-Reset=31 "
                            "X-RateLimit-Limit=10 X-RateLimit-Remaining=6 X-RateLimit-Reset=31 "),
                fieldsOf(ask(chain)));
        }
    }
    void ofTwoWindowsTheTighterOneIsShown() {
        Verdict wide = allowed("a:1"), tight = allowed("b:1"), none = allowed("c:1");
        wide.limits = RateLimit{100, 90, 1000}, tight.limits = RateLimit{10, 1, 2000};
        none.headers = {{"Set-Cookie", "c=1"}};
        ScriptedAuthenticator a("a", wide), b("b", tight), c("c", none);
        const std::string shown = "RateLimit-Limit=10 RateLimit-Remaining=1 RateLimit-Reset=2 "
                                  "X-RateLimit-Limit=10 X-RateLimit-Remaining=1 X-RateLimit-Reset=2 ";
        for (auto members : {std::vector<Authenticator*>{&a, &b, &c}, {&b, &c, &a}, {&c, &a, &b}}) {
            AuthChain chain("x", AuthChain::Mode::all, members);
            CPPUNIT_ASSERT_EQUAL("Set-Cookie=c=1 " + shown, fieldsOf(ask(chain)));
        }
    }
    void aTriggerSetsNoCookie() {
        for (Decision decision : {Decision::allow, Decision::deny, Decision::abstain})
            for (const char* action : {"job.trigger", "job.read"}) {
                Verdict verdict = decision == Decision::allow ? allowed() : saying(decision, "NO");
                verdict.headers = {{"set-cookie", "s=1"}, {"Retry-After", "7"}};
                ScriptedAuthenticator a("a", verdict);
                AuthChain chain("x", AuthChain::Mode::first, {&a});
                auto request = std::make_shared<AuthRequest>();
                request->action = action;
                std::string seen;
                chain.check(request, [&](Answer answer) { seen = fieldsOf(answer); });
                CPPUNIT_ASSERT_EQUAL(std::string(request->action == "job.read" ? "set-cookie=s=1 " : "") +
                                         "Retry-After=7 ",
                                     seen);
            }
    }
    void anAbstentionWithoutACodeKeepsItsFields() {
        Verdict challenge = saying(Decision::abstain, "", 403), coded = saying(Decision::abstain, "CODE");
        challenge.headers = {{"WWW-Authenticate", "Puppet"}};
        coded.title.clear();
        ScriptedAuthenticator silent("s", saying(Decision::abstain)), a("a", challenge), b("b", coded);
        AuthChain one("x", AuthChain::Mode::first, {&silent, &a}),
            both("x", AuthChain::Mode::first, {&a, &b});
        const Verdict kept = ask(one).verdict, words = ask(both).verdict;
        CPPUNIT_ASSERT_EQUAL(403, kept.httpStatus);
        CPPUNIT_ASSERT_EQUAL(std::string("FORBIDDEN"), kept.code);
        CPPUNIT_ASSERT_EQUAL(std::string("Puppet"), kept.headers.at(0).second);
        CPPUNIT_ASSERT_EQUAL(std::string("CODE Unauthorized"), words.code + ' ' + words.title);
        CPPUNIT_ASSERT(words.httpStatus == 401 && words.headers.empty() && !words.message.empty());
    }
    void aLaterDenyGivesBackWhatEarlierAllowsCost() {
        ScriptedAuthenticator a("a", allowed()), b("b", saying(Decision::deny, "NO"));
        AuthChain chain("x", AuthChain::Mode::all, {&a, &b});
        CPPUNIT_ASSERT(ask(chain).verdict.decision == Decision::deny);
        CPPUNIT_ASSERT_EQUAL(1, a.settlements.abandoned.load());
        CPPUNIT_ASSERT_EQUAL(0, a.settlements.accepted.load());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AuthChainTest);
