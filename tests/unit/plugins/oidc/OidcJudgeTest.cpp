#include "Signer.h"
#include "oidc/Judge.h"

#include <cppunit/extensions/HelperMacros.h>

#include <limits>

using namespace usher::oidc;
using usher::plugin::Json;
using usher::test::Signer;

namespace {

constexpr std::int64_t kNow = 1'700'000'000, kLeeway = 30;
const std::string kJob = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11";

const Signer& signer() {
    static const Signer one("k1", Signer::Kind::p256);
    return one;
}

Issuer issuer(const std::string& id = "https://ci.example.test") {
    Rule rule{{kJob}, {{"repository", {"acme/shop"}}}};
    return {id, {"usher", "usher-staging"}, "", {rule}};
}

Json claims(const Json& other = Json::object()) {
    Json all = {{"iss", "https://ci.example.test"},
                {"aud", "usher"},
                {"sub", "repo:acme/shop"},
                {"repository", "acme/shop"},
                {"iat", kNow - 10},
                {"nbf", kNow - 10},
                {"exp", kNow + 300},
                {"ref", "refs/heads"}};
    all.merge_patch(other); // a null takes it away
    return all;
}

/// Of the verdict, what the world sees.
struct Seen {
    int decision, status;
    std::string code, principal, name;
    bool guess;
};

std::string copied(usher_str text) {
    return text.data ? std::string(text.data, text.size) : std::string();
}

Seen judged(const Json& what, const Issuer& by = issuer(), const std::string& action = "job.trigger",
            const std::string& startedBy = "", const std::string& job = kJob) {
    const auto keys = KeySet::read(Json{{"keys", Json::array({signer().jwk()})}}.dump());
    auto token = readToken(signer().token(what));
    CPPUNIT_ASSERT(token);
    const Question question{{nullptr, 0}, std::move(*token), action, job, startedBy};
    return judge(question, by, *keys, kNow, kLeeway).withC([](const usher_verdict& c) {
        return Seen{c.decision,
                    c.http_status,
                    copied(c.code),
                    copied(c.principal_id),
                    copied(c.principal_name),
                    (c.flags & USHER_GUESS) != 0};
    });
}

void expect(const std::string& code, const Json& other) {
    const Seen seen = judged(claims(other));
    CPPUNIT_ASSERT_EQUAL_MESSAGE(other.dump(), code, seen.code);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(other.dump(), static_cast<int>(code.empty() ? USHER_ALLOW : USHER_DENY),
                                 seen.decision);
    if (!code.empty()) CPPUNIT_ASSERT_EQUAL_MESSAGE(other.dump(), 401, seen.status);
}

} // namespace

/// What a well signed token says is judged claim by claim, times to the second.
class OidcJudgeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OidcJudgeTest);
    CPPUNIT_TEST(aTokenEndsAtItsSecond);
    CPPUNIT_TEST(aTokenBeginsAtItsSecond);
    CPPUNIT_TEST(timesThatAreNoneAreRefused);
    CPPUNIT_TEST(theAudienceIsOursToTheLetter);
    CPPUNIT_TEST(aTokenHasASubject);
    CPPUNIT_TEST(onlyTheRulesOfTheJobLetIn);
    CPPUNIT_TEST(aPipelineReadsAndCancelsWhatItStarted);
    CPPUNIT_TEST(principalsOfDifferentPipelinesDiffer);
    CPPUNIT_TEST(namesAreForPeople);
    CPPUNIT_TEST(aForgedSignatureIsAGuess);
    CPPUNIT_TEST_SUITE_END();

    void aTokenEndsAtItsSecond() {
        expect("", {{"exp", kNow - kLeeway + 1}});
        expect("TOKEN_EXPIRED", {{"exp", kNow - kLeeway}});
        expect("TOKEN_EXPIRED",
               {{"exp", static_cast<double>(kNow - kLeeway) + 0.75}}); // fractions do not count
        expect("TOKEN_EXPIRED", {{"exp", 0}});
    }

    void aTokenBeginsAtItsSecond() {
        for (const char* name : {"iat", "nbf"}) {
            expect("", {{name, kNow + kLeeway}});
            expect("TOKEN_NOT_YET_VALID", {{name, kNow + kLeeway + 1}});
        }
        expect("", {{"nbf", nullptr}});
        expect("", {{"iat", kNow - 86'400}});
    }

    void timesThatAreNoneAreRefused() {
        for (const char* name : {"exp", "iat", "nbf"})
            for (const Json& value : {Json("1700000000"), Json(true), Json(-1), Json(1e12), Json(1e300),
                                      Json::array({kNow}), Json(Json::object())}) {
                Json all = claims();
                all[name] = value;
                CPPUNIT_ASSERT_EQUAL_MESSAGE(name + value.dump(), std::string("INVALID_TOKEN_CLAIMS"),
                                             judged(all).code);
            }
        expect("INVALID_TOKEN_CLAIMS", {{"exp", nullptr}});
        expect("INVALID_TOKEN_CLAIMS", {{"iat", nullptr}});
        Json all = claims();
        all["nbf"] = nullptr; // there, and no time
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_TOKEN_CLAIMS"), judged(all).code);
    }

    void theAudienceIsOursToTheLetter() {
        expect("", {{"aud", "usher-staging"}});
        expect("", {{"aud", {"other", "usher"}}});
        expect("", {{"aud", {1, "usher"}}});
        for (const Json& value : {Json("ush"), Json(""), Json("usher2"), Json("Usher"), Json(" usher"),
                                  Json("usher,usher-staging"), Json(1), Json(true), Json::array(),
                                  Json::array({"other"}), Json::array({1}), Json::array({{"usher"}})})
            expect("WRONG_AUDIENCE", {{"aud", value}});
        Json all = claims();
        all["aud"] = {{"usher", 1}};
        CPPUNIT_ASSERT_EQUAL(std::string("WRONG_AUDIENCE"), judged(all).code);
        expect("WRONG_AUDIENCE", {{"aud", nullptr}});
    }

    void aTokenHasASubject() {
        for (const Json& value : {Json(nullptr), Json(""), Json(7), Json::array({"repo:acme/shop"})})
            expect("INVALID_TOKEN_CLAIMS", {{"sub", value}});
    }

    void onlyTheRulesOfTheJobLetIn() {
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW), judged(claims()).decision);
        for (const Seen& seen :
             {judged(claims({{"repository", "acme/other"}})),
              judged(claims(), issuer(), "job.trigger", "", "00000000-0000-4000-8000-000000000000"),
              judged(claims(), issuer(), "job.trigger", "", "")}) {
            CPPUNIT_ASSERT_EQUAL(std::string("TOKEN_NOT_AUTHORIZED"), seen.code);
            CPPUNIT_ASSERT_EQUAL(403, seen.status);
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_DENY), seen.decision);
        }
    }

    void aPipelineReadsAndCancelsWhatItStarted() {
        const std::string mine = judged(claims()).principal;
        for (const char* action : {"run.read", "run.cancel"}) {
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW),
                                 judged(claims(), issuer(), action, mine).decision);
            // The rules of a job say who may trigger, and nothing of other people's runs.
            for (const std::string& other : {mine + "x", std::string(), std::string("user:u1")})
                CPPUNIT_ASSERT_EQUAL(403, judged(claims(), issuer(), action, other).status);
        }
    }

    void principalsOfDifferentPipelinesDiffer() {
        CPPUNIT_ASSERT_EQUAL(std::string("oidc:https://ci.example.test#repo:acme/shop"),
                             judged(claims()).principal);
        CPPUNIT_ASSERT(judged(claims(), issuer("https://other.example.test")).principal !=
                       judged(claims()).principal);
        const std::string longest(300, 'x');
        const Seen one = judged(claims({{"sub", longest + "1"}})),
                   other = judged(claims({{"sub", longest + "2"}})),
                   umlaut = judged(claims({{"sub", "repo:acme/sh\xc3\xb6p"}}));
        CPPUNIT_ASSERT(one.principal != other.principal);
        for (const Seen& seen : {one, other, umlaut}) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{5 + 64}, seen.principal.size());
            CPPUNIT_ASSERT_EQUAL(std::string("oidc:"), seen.principal.substr(0, 5));
        }
        CPPUNIT_ASSERT(umlaut.principal != judged(claims({{"sub", "repo:acme/sh\xc3\xa4p"}})).principal);
    }

    void namesAreForPeople() {
        CPPUNIT_ASSERT_EQUAL(std::string("acme/shop@refs/heads"), judged(claims()).name);
        CPPUNIT_ASSERT_EQUAL(std::string("acme/shop"), judged(claims({{"ref", nullptr}})).name);
        CPPUNIT_ASSERT_EQUAL(std::string("repo:acme/shop"), judged(claims({{"repository", nullptr}})).name);
        CPPUNIT_ASSERT_EQUAL(std::string("acme/tools@refs/heads"),
                             judged(claims({{"repository", nullptr}, {"project_path", "acme/tools"}})).name);
        CPPUNIT_ASSERT_EQUAL(std::string("CI pipeline"), judged(claims({{"ref", "a\nb"}})).name);
        CPPUNIT_ASSERT_EQUAL(std::size_t{240}, judged(claims({{"ref", std::string(400, 'x')}})).name.size());
    }

    void aForgedSignatureIsAGuess() {
        const Signer stranger("k1", Signer::Kind::p256);
        const auto keys = KeySet::read(Json{{"keys", Json::array({stranger.jwk()})}}.dump());
        const Question question{{nullptr, 0}, *readToken(signer().token(claims())), "job.trigger", kJob, ""};
        judge(question, issuer(), *keys, kNow, kLeeway).withC([](const usher_verdict& c) {
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_TOKEN_SIGNATURE"), copied(c.code));
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_DENY), static_cast<int>(c.decision));
            CPPUNIT_ASSERT(c.flags & USHER_GUESS);
            CPPUNIT_ASSERT(copied(c.principal_id).empty()); // nobody is known yet
        });
        CPPUNIT_ASSERT(!judged(claims({{"exp", 0}})).guess);
        // Before anybody is known: what a made-up token gets counts against its sender.
        for (const auto& verdict : {invalidFormat(), unknownIssuer(), unsupportedAlgorithm()})
            CPPUNIT_ASSERT(verdict.withC([](const usher_verdict& c) { return c.flags & USHER_GUESS; }));
        // The issuer may have changed its keys: no guess.
        CPPUNIT_ASSERT(!unknownKey().withC([](const usher_verdict& c) { return c.flags & USHER_GUESS; }));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OidcJudgeTest);
