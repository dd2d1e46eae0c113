#include "oidc/Rules.h"

#include "usher/auth.hpp"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::oidc;
using usher::plugin::Json;

namespace {

const std::string kJob = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11";

using List = std::vector<Json>; // in braces, one Json would be a copy and no list of one

Json rule(const Json& claims, const Json& jobs = Json::array({kJob})) {
    return {{"jobs", jobs}, {"claims", claims}};
}

Json issuerOf(const List& rules, const std::string& id = "https://ci.example.test") {
    return {{"issuer", id}, {"audience", "usher"}, {"rules", rules}};
}

std::vector<Issuer> read(const List& issuers) {
    return readRules(Json{{"issuers", issuers}}.dump());
}

/// Do these claims start the job, by this one rule?
bool may(const Json& claims, const Json& asked) {
    return read({issuerOf({rule(claims)})}).at(0).mayTrigger(kJob, asked);
}

const Json kShop = {{"repository", "acme/shop"}};

} // namespace

/// The file of rules is read strictly, and a rule lets in whom it names and nobody else.
class OidcRulesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OidcRulesTest);
    CPPUNIT_TEST(patternsMatchWholeTexts);
    CPPUNIT_TEST(everyClaimOfARuleMustFit);
    CPPUNIT_TEST(valuesAreOfOneKind);
    CPPUNIT_TEST(rulesAreForTheirJobs);
    CPPUNIT_TEST(aRuleSaysWhosePipelineItIs);
    CPPUNIT_TEST(issuersHaveGoodAddresses);
    CPPUNIT_TEST(whatIsNotUnderstoodIsRefused);
    CPPUNIT_TEST_SUITE_END();

    void patternsMatchWholeTexts() {
        const std::pair<const char*, const char*> good[] = {{"acme/shop", "acme/shop"},
                                                            {"refs/tags/v*", "refs/tags/v1.2"},
                                                            {"refs/tags/v*", "refs/tags/v"},
                                                            {"acme/**", "acme/a/b/c"},
                                                            {"acme/**", "acme/"},
                                                            {"a*c*e", "abcde"},
                                                            {"a**e", "a/b/e"},
                                                            {"", ""},
                                                            {"a*/b", "axx/b"},
                                                            {"*", "main"},
                                                            {"**", "refs/heads/main"},
                                                            {"a***", "a/b"}};
        const std::pair<const char*, const char*> bad[] = {{"acme/shop", "acme/shopping"},
                                                           {"acme/shop", "evil/acme/shop"},
                                                           {"acme/shop", "Acme/shop"},
                                                           {"acme/shop", "acme/sho"},
                                                           {"acme/shop", "cme/shop"},
                                                           {"acme/shop", ""},
                                                           {"refs/tags/v*", "refs/tags/v1/x"},
                                                           {"refs/tags/v*", "refs/heads/v1"},
                                                           {"acme/*", "acme/a/b"},
                                                           {"a*c", "abcd"},
                                                           {"acme/**", "acme"},
                                                           {"acme.shop", "acme/shop"},
                                                           {"a?c", "abc"},
                                                           {"", "a"},
                                                           {"*/b", "a/a/b"},
                                                           {"[a]", "a"}};
        for (const auto& [pattern, text] : good)
            CPPUNIT_ASSERT_MESSAGE(std::string(pattern) + " " + text, globMatches(pattern, text));
        for (const auto& [pattern, text] : bad)
            CPPUNIT_ASSERT_MESSAGE(std::string(pattern) + " " + text, !globMatches(pattern, text));
        // Time does not explode with the number of wildcards.
        CPPUNIT_ASSERT(!globMatches("a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(4000, 'a')));
    }

    void everyClaimOfARuleMustFit() {
        const Json claims = {{"repository", "acme/shop"},
                             {"environment", "production"},
                             {"ref", {"refs/heads/main", "refs/tags/v*"}}};
        const Json good = {
            {"repository", "acme/shop"}, {"environment", "production"}, {"ref", "refs/heads/main"}};
        CPPUNIT_ASSERT(may(claims, good));
        Json tag = good;
        tag["ref"] = "refs/tags/v2";
        CPPUNIT_ASSERT(may(claims, tag));
        for (const char* name : {"repository", "environment", "ref"}) {
            Json other = good;
            other[name] = "other";
            CPPUNIT_ASSERT_MESSAGE(name, !may(claims, other));
            other.erase(name);
            CPPUNIT_ASSERT_MESSAGE(name, !may(claims, other));
        }
        CPPUNIT_ASSERT(!may(claims, Json::object()));
    }

    void valuesAreOfOneKind() {
        const Json claims = {{"repository", "acme/shop"}, {"ref_protected", true}, {"project_id", 7}};
        const Json good = claims;
        CPPUNIT_ASSERT(may(claims, good));
        for (const auto& [name, value] :
             std::vector<std::pair<const char*, Json>>{{"ref_protected", "true"},
                                                       {"ref_protected", false},
                                                       {"ref_protected", 1},
                                                       {"ref_protected", nullptr},
                                                       {"project_id", "7"},
                                                       {"project_id", 7.0},
                                                       {"project_id", 8},
                                                       {"project_id", Json::array({7})},
                                                       {"repository", Json::array({"acme/shop"})},
                                                       {"repository", {{"acme/shop", true}}},
                                                       {"repository", true}}) {
            Json other = good;
            other[name] = value;
            CPPUNIT_ASSERT_MESSAGE(name + value.dump(), !may(claims, other));
        }
    }

    void rulesAreForTheirJobs() {
        const std::string other = "00000000-0000-4000-8000-000000000001",
                          third = "00000000-0000-4000-8000-000000000002";
        const Json tools = {{"repository", "acme/tools"}};
        std::string large = kJob;
        for (char& c : large) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        const Issuer issuer =
            read({issuerOf({rule(kShop, Json::array({large, third})), rule(tools, Json::array({other}))})})
                .at(0);
        CPPUNIT_ASSERT(issuer.mayTrigger(kJob, kShop) && issuer.mayTrigger(third, kShop));
        CPPUNIT_ASSERT(issuer.mayTrigger(other, tools));
        CPPUNIT_ASSERT(!issuer.mayTrigger(other, kShop) && !issuer.mayTrigger(kJob, tools));
        CPPUNIT_ASSERT(!issuer.mayTrigger("", kShop) && !issuer.mayTrigger(kJob.substr(1), kShop));
    }

    void aRuleSaysWhosePipelineItIs() {
        for (const char* name :
             {"sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "project_id",
              "project_path", "namespace_id", "namespace_path"})
            read({issuerOf({rule({{name, "somebody"}})})});
        read({issuerOf({rule({{"project_id", 7}, {"ref", "*"}})})});
        for (const Json& claims :
             {Json::object(), Json{{"ref", "refs/heads/main"}}, Json{{"repository", "*"}},
              Json{{"repository", "**"}}, Json{{"repository", "*/shop"}}, Json{{"repository", ""}},
              Json{{"repository", Json::array({"acme/shop", "*"})}}, Json{{"Repository", "acme/shop"}},
              Json{{"environment", "production"}, {"actor", "me"}}})
            refused(claims.dump(), {issuerOf({rule(claims)})});
    }

    void issuersHaveGoodAddresses() {
        for (const char* url : {"https://ci.example.test", "https://ci.example.test/path", "http://127.0.0.1",
                                "http://127.0.0.1:80", "http://localhost/x", "http://[::1]:80"})
            CPPUNIT_ASSERT_MESSAGE(url, isGoodUrl(url));
        const std::string longest = "https://" + std::string(505, 'x');
        for (const std::string& url :
             {std::string(), std::string("https://"), std::string("https:///path"),
              std::string("http://ci.example.test"), std::string("http://127.0.0.1.example.test"),
              std::string("http://localhost.example.test"), std::string("http://[::1]x"),
              std::string("https://me@ci.example.test"), std::string("https://ci.example.test/?a"),
              std::string("https://ci.example.test/#a"), std::string("https://ci.example.test\\a"),
              std::string("https://ci.example.test/a b"), std::string("https://ci.example.test\r\n"),
              std::string("file:///etc/passwd"), std::string("HTTPS://ci.example.test"),
              std::string("ftp://127.0.0.1"), longest})
            CPPUNIT_ASSERT_MESSAGE(url, !isGoodUrl(url));
        CPPUNIT_ASSERT(isGoodUrl(longest.substr(0, 512)));
        const Json one = issuerOf({rule(kShop)});
        Json keys = one;
        keys["jwksUri"] = "https://ci.example.test/keys";
        CPPUNIT_ASSERT_EQUAL(std::string("https://ci.example.test/keys"), read({keys}).at(0).jwksUri);
        keys["jwksUri"] = "http://ci.example.test/keys";
        refused("jwksUri", {keys});
        refused("issuer", {issuerOf({rule(kShop)}, "http://ci.example.test")});
    }

    void whatIsNotUnderstoodIsRefused() {
        const Json good = issuerOf({rule(kShop)});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, read({good}).size());
        refused("twice", {good, good});
        refused("none", List());
        refused("no object", {Json("https://ci.example.test")});
        List many;
        for (int i = 0; i < 17; ++i)
            many.push_back(issuerOf({rule(kShop)}, "https://ci.example.test/" + std::to_string(i)));
        refused("too many", many);
        many.pop_back();
        CPPUNIT_ASSERT_EQUAL(std::size_t{16}, read(many).size());
        for (const char* name : {"issuer", "audience", "rules"}) {
            Json other = good;
            other.erase(name);
            refused(name, {other});
            for (const Json& value :
                 {Json(""), Json(7), Json::array(), Json(nullptr), Json::array({Json()})}) {
                other[name] = value;
                refused(name + value.dump(), {other});
            }
        }
        Json other = good;
        other["audiences"] = "usher";
        refused("unknown field of an issuer", {other});
        Json two = good;
        two["audience"] = {"a", "b"};
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, read({two}).at(0).audiences.size());
        other = rule(kShop);
        other["branches"] = {"main"};
        refused("unknown field of a rule", {issuerOf({other})});
        for (const Json& jobs : {Json("all"), Json::array(), Json::array({"*"}), Json::array({"nightly"}),
                                 Json::array({7}), Json(kJob)})
            refused(jobs.dump(), {issuerOf({rule(kShop, jobs)})});
        for (const Json& value :
             {Json(nullptr), Json(1.5), Json::object(), Json::array(), Json::array({Json::array()})})
            refused(value.dump(), {issuerOf({rule({{"repository", "acme/shop"}, {"environment", value}})})});
        refused("claims", {issuerOf({rule(Json::array({"repository"}))})});
        for (const char* text : {"", "{", "[]", "{}", R"({"issuers":[],"issuers":[]})", R"({"issuers":{}})",
                                 R"({"issuers":[]})", R"({"issuers":[],"more":1})"})
            CPPUNIT_ASSERT_THROW_MESSAGE(text, readRules(text), usher::auth::ConfigError);
        CPPUNIT_ASSERT_THROW(readRules(Json{{"issuers", List{good}}, {"more", 1}}.dump()),
                             usher::auth::ConfigError);
    }

    void refused(const std::string& what, const List& issuers) {
        CPPUNIT_ASSERT_THROW_MESSAGE(what, read(issuers), usher::auth::ConfigError);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OidcRulesTest);
