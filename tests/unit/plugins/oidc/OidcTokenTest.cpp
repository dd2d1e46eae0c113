#include "common/Crypto.h"
#include "common/Json.h"
#include "oidc/Token.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::oidc;
using usher::plugin::Json;
using usher::plugin::toBase64Url;

namespace {

const Json kHeader = {{"alg", "RS256"}, {"kid", "k1"}, {"typ", "JWT"}};
const Json kClaims = {{"iss", "https://ci.example.test"}, {"sub", "me"}};

std::string compact(const std::string& header, const std::string& claims,
                    const std::string& signature = "sig") {
    return toBase64Url(header) + "." + toBase64Url(claims) + "." + toBase64Url(signature);
}

bool isRead(const Json& header, const Json& claims = Json::object()) {
    Json head = kHeader, body = kClaims;
    head.merge_patch(header); // a null takes it away
    body.merge_patch(claims);
    return readToken(compact(head.dump(), body.dump())).has_value();
}

} // namespace

/// A token is read strictly and once; what is ambiguous is no token.
class OidcTokenTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OidcTokenTest);
    CPPUNIT_TEST(whatItSaysIsReadWhole);
    CPPUNIT_TEST(aTokenHasThreeParts);
    CPPUNIT_TEST(headersThatChangeTheMeaningAreRefused);
    CPPUNIT_TEST(whatIsMissingOrTooLongIsRefused);
    CPPUNIT_TEST(whatIsAmbiguousIsRefused);
    CPPUNIT_TEST_SUITE_END();

    void whatItSaysIsReadWhole() {
        const std::string text = compact(kHeader.dump(), kClaims.dump(), "four");
        const auto token = readToken(text);
        CPPUNIT_ASSERT(token);
        CPPUNIT_ASSERT_EQUAL(text, token->compact);
        CPPUNIT_ASSERT_EQUAL(std::string("RS256 k1 https://ci.example.test"),
                             token->algorithm + " " + token->keyId + " " + token->issuer);
        CPPUNIT_ASSERT_EQUAL(kClaims.dump(), token->claims.dump());
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, token->signatureBytes);
    }

    void aTokenHasThreeParts() {
        CPPUNIT_ASSERT(looksLikeToken("a.b.c") && looksLikeToken("a.b."));
        for (const char* other : {"", "a", "a.b", ".b.c", "..", "a.b.c.d", "a.b.c.d.e"}) // five: encrypted
            CPPUNIT_ASSERT_MESSAGE(other, !looksLikeToken(other) && !readToken(other));
        const std::string text = compact(kHeader.dump(), kClaims.dump());
        CPPUNIT_ASSERT(readToken(text));
        CPPUNIT_ASSERT(!readToken(text + ".x") && !readToken("x." + text));
    }

    void headersThatChangeTheMeaningAreRefused() {
        CPPUNIT_ASSERT(isRead({{"crit", nullptr}}));
        CPPUNIT_ASSERT(!isRead({{"crit", {"exp"}}}) && !isRead({{"crit", Json::array()}}));
        CPPUNIT_ASSERT(!isRead({{"b64", false}}) && !isRead({{"b64", true}}));
        CPPUNIT_ASSERT(isRead({{"typ", nullptr}}) && isRead({{"typ", "jwt"}}));
        for (const Json& type : {Json("logout+jwt"), Json("at+jwt"), Json("JWE"), Json(""), Json(1)})
            CPPUNIT_ASSERT_MESSAGE(type.dump(), !isRead({{"typ", type}}));
    }

    void whatIsMissingOrTooLongIsRefused() {
        for (const char* name : {"alg", "kid"})
            for (const Json& value : {Json(nullptr), Json(""), Json(1), Json::array({"RS256"})})
                CPPUNIT_ASSERT_MESSAGE(name + value.dump(), !isRead({{name, value}}));
        for (const Json& value : {Json(nullptr), Json(""), Json(1)})
            CPPUNIT_ASSERT_MESSAGE(value.dump(), !isRead(Json::object(), {{"iss", value}}));
        CPPUNIT_ASSERT(isRead({{"kid", std::string(256, 'k')}}));
        CPPUNIT_ASSERT(!isRead({{"kid", std::string(257, 'k')}}));
        CPPUNIT_ASSERT(isRead(Json::object(), {{"filler", std::string(11'000, 'x')}}));
        CPPUNIT_ASSERT(!isRead(Json::object(), {{"filler", std::string(13'000, 'x')}}));
    }

    void whatIsAmbiguousIsRefused() {
        const std::string header = kHeader.dump(), claims = kClaims.dump();
        for (const std::string& other : {std::string("{"), std::string("[]"), std::string("7"),
                                         std::string(R"({"alg":"RS256","kid":"k1","alg":"none"})"),
                                         header + " x", header + std::string(1, '\0')})
            CPPUNIT_ASSERT_MESSAGE(other, !readToken(compact(other, claims)));
        for (const std::string& other :
             {std::string("{"), std::string("[]"),
              std::string(R"({"iss":"https://a.example.test","iss":"https://b.example.test"})"),
              std::string("{\"iss\":\"\xff\"}")})
            CPPUNIT_ASSERT_MESSAGE(other, !readToken(compact(header, other)));
        // One text, one token: no padding, no bits left over, no other alphabet.
        const std::string text = compact(header, claims, "sig!");
        CPPUNIT_ASSERT_EQUAL(std::string("c2lnIQ"), text.substr(text.rfind('.') + 1));
        const std::string front = text.substr(0, text.rfind('.') + 1);
        for (const char* other :
             {"c2lnIQ==", "c2lnIR", "c2ln IQ", "c2lnI", "c2lnA", "c2ln+Q", "c2ln/Q", "c2lnIQ\n"})
            CPPUNIT_ASSERT_MESSAGE(other, !readToken(front + other));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OidcTokenTest);
