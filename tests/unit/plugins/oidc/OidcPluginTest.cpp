#include "Signer.h"
#include "common/Json.h"
#include "support/FakePluginHost.h"
#include "support/TemporaryFile.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::test;
using usher::plugin::Json;

namespace {

const std::string kJob = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11";
const std::string kIssuer = "http://127.0.0.1:9"; // where nobody is: what is judged without keys
const std::string kToken = Signer("k1", Signer::Kind::p256).token({{"iss", "https://other.example.test"}});

std::string rules(const Json& claims) {
    Json issuer = {{"issuer", kIssuer}, {"audience", "usher"}};
    issuer["rules"] = Json::array({{{"jobs", Json::array({kJob})}, {"claims", claims}}});
    return Json{{"issuers", Json::array({issuer})}}.dump();
}

} // namespace

/// What the finished plugin says before any key is looked at.
class OidcPluginTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OidcPluginTest);
    CPPUNIT_TEST(aTokenIsGivenOnce);
    CPPUNIT_TEST(whatIsNotItsBusinessIsNot);
    CPPUNIT_TEST(withoutGoodRulesThereIsNoPlugin);
    CPPUNIT_TEST_SUITE_END();

    const TemporaryFile file{rules({{"repository", "acme/shop"}})};
    FakePluginHost host{USHER_OIDC_SO, "", {{"rules_file", file.path()}, {"fetch_timeout_ms", "100"}}};

    Said ask(const Fields& headers, const std::string& action = "job.trigger") {
        Question question;
        question.action = action, question.resource = kJob, question.headers = headers;
        return host.ask(question);
    }

    void aTokenIsGivenOnce() {
        CPPUNIT_ASSERT(host.start());
        const std::pair<std::string, std::string> one{"Authorization", "Bearer " + kToken},
            other{"authorization", "Basic eA=="};
        for (const Fields& both : {Fields{one, one}, Fields{one, other}, Fields{other, one}}) {
            const Said said = ask(both);
            CPPUNIT_ASSERT_EQUAL(std::string("CREDENTIALS_CONFLICT"), said.code);
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_DENY), said.decision); // nobody behind it is asked
            CPPUNIT_ASSERT_EQUAL(400, said.httpStatus);
        }
        CPPUNIT_ASSERT_EQUAL(std::string("UNKNOWN_ISSUER"), ask({one}).code);
    }

    void whatIsNotItsBusinessIsNot() {
        CPPUNIT_ASSERT(host.start());
        const Fields good = {{"Authorization", "Bearer " + kToken}};
        for (const char* action : {"job.trigger", "run.read", "run.cancel"})
            CPPUNIT_ASSERT_EQUAL(std::string("UNKNOWN_ISSUER"), ask(good, action).code);
        for (const char* action : {"", "job.read", "job.update", "run.delete", "user.list", "job.triggers"}) {
            const Said said = ask(good, action);
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ABSTAIN), said.decision);
            CPPUNIT_ASSERT_EQUAL(std::string(), said.code);
        }
        for (const std::string& other :
             {std::string(), std::string("Bearer"), std::string("Bearer key_0123456789"), "Basic " + kToken,
              "Bearer" + kToken, kToken}) {
            const Said said = ask({{"Authorization", other}});
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ABSTAIN), said.decision);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(other, std::string("TOKEN_REQUIRED"), said.code);
        }
    }

    void withoutGoodRulesThereIsNoPlugin() {
        const TemporaryFile everybody(rules({{"ref", "main"}})), none("");
        for (const Fields& config :
             {Fields{}, Fields{{"rules_file", none.path()}}, Fields{{"rules_file", everybody.path()}},
              Fields{{"rules_file", file.path()}, {"leeway_seconds", "301"}},
              Fields{{"rules_file", file.path()}, {"leeway", "30"}},
              Fields{{"rules_file", file.path()}, {"stale_seconds", "10"}, {"refresh_seconds", "20"}}}) {
            FakePluginHost other(USHER_OIDC_SO, "", config);
            CPPUNIT_ASSERT(!other.start());
            CPPUNIT_ASSERT(!other.log().empty());
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OidcPluginTest);
