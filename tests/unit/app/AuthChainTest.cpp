#include "app/AuthChain.h"

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
    void aLaterDenyGivesBackWhatEarlierAllowsCost() {
        ScriptedAuthenticator a("a", allowed()), b("b", saying(Decision::deny, "NO"));
        AuthChain chain("x", AuthChain::Mode::all, {&a, &b});
        CPPUNIT_ASSERT(ask(chain).verdict.decision == Decision::deny);
        CPPUNIT_ASSERT_EQUAL(1, a.settlements.abandoned.load());
        CPPUNIT_ASSERT_EQUAL(0, a.settlements.accepted.load());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AuthChainTest);
