#include "Signer.h"
#include "oidc/KeySet.h"

#include "common/Crypto.h"

#include <cppunit/extensions/HelperMacros.h>

#include <stdexcept>

using namespace usher::oidc;
using usher::plugin::Json;
using usher::plugin::toBase64Url;
using usher::test::hs256;
using usher::test::Signer;

namespace {

const Signer& rsa() {
    static const Signer one("rsa", Signer::Kind::rsa);
    return one;
}
const Signer& elliptic() {
    static const Signer one("ec", Signer::Kind::p256);
    return one;
}

/// A vector: in braces, one Json would be a copy and no list of one.
std::shared_ptr<const KeySet> setOf(const std::vector<Json>& keys) {
    return KeySet::read(Json{{"keys", keys}}.dump());
}

const Json kClaims = {{"iss", "https://ci.example.test"}};

bool isSigned(const KeySet& keys, const std::string& compact) {
    const auto token = readToken(compact);
    CPPUNIT_ASSERT_MESSAGE(compact, token.has_value());
    return keys.signedBy(*token);
}

Json with(Json key, const char* name, const Json& value) {
    key[name] = value;
    return key;
}

} // namespace

/// Which keys of an issuer are taken, and that each checks what its own algorithm signed, and nothing else.
class OidcKeySetTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OidcKeySetTest);
    CPPUNIT_TEST(eachKeyChecksItsOwnAlgorithm);
    CPPUNIT_TEST(aTokenDoesNotChooseHowItIsChecked);
    CPPUNIT_TEST(signaturesHaveOneLength);
    CPPUNIT_TEST(otherKeysArePassedOver);
    CPPUNIT_TEST(aNameThatStandsThereTwiceIsNobodys);
    CPPUNIT_TEST(whatIsNoKeySetIsRefused);
    CPPUNIT_TEST(twoAlgorithmsAreKnown);
    CPPUNIT_TEST_SUITE_END();

    void eachKeyChecksItsOwnAlgorithm() {
        const auto keys = setOf({rsa().jwk(), elliptic().jwk()});
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, keys->size());
        CPPUNIT_ASSERT(keys->has("rsa") && keys->has("ec") && !keys->has("") && !keys->has("other"));
        for (const Signer* one : {&rsa(), &elliptic()}) {
            CPPUNIT_ASSERT(isSigned(*keys, one->token(kClaims)));
            const std::string whole = one->token(kClaims),
                              other = one->token({{"iss", "https://evil.example.test"}});
            CPPUNIT_ASSERT(
                !isSigned(*keys, other.substr(0, other.rfind('.')) + whole.substr(whole.rfind('.'))));
            const Signer stranger(one->kid, one == &rsa() ? Signer::Kind::rsa : Signer::Kind::p256);
            CPPUNIT_ASSERT(!isSigned(*keys, stranger.token(kClaims)));
            CPPUNIT_ASSERT(!isSigned(*keys, one->token(kClaims, {{"kid", "nobody"}})));
        }
        CPPUNIT_ASSERT(!isSigned(*keys, rsa().token(kClaims, {{"kid", "ec"}})));
        CPPUNIT_ASSERT(!isSigned(*keys, elliptic().token(kClaims, {{"kid", "rsa"}})));
    }

    void aTokenDoesNotChooseHowItIsChecked() {
        const auto keys = setOf({rsa().jwk(), elliptic().jwk()});
        for (const char* algorithm : {"none", "None", "NONE", "HS256", "HS384", "RS384", "RS512", "PS256",
                                      "ES384", "ES256K", "EdDSA", "rs256", "ES256"})
            CPPUNIT_ASSERT_MESSAGE(algorithm, !isSigned(*keys, rsa().token(kClaims, {{"alg", algorithm}})));
        CPPUNIT_ASSERT(!isSigned(*keys, elliptic().token(kClaims, {{"alg", "RS256"}})));
        // The public key as the secret of an HMAC, in the forms that a library may hold it in.
        const Json jwk = rsa().jwk();
        for (const std::string& secret : {jwk.dump(), jwk["n"].get<std::string>(),
                                          usher::plugin::fromBase64Url(jwk["n"].get<std::string>()).value()})
            for (const char* algorithm : {"HS256", "RS256"})
                CPPUNIT_ASSERT(
                    !isSigned(*keys, hs256(secret, {{"alg", algorithm}, {"kid", "rsa"}}, kClaims)));
        // A key that comes with the token is nobody's.
        const Signer stranger("rsa", Signer::Kind::rsa);
        CPPUNIT_ASSERT(!isSigned(*keys, stranger.token(kClaims, {{"jwk", stranger.jwk()}})));
    }

    void signaturesHaveOneLength() {
        const auto keys = setOf({rsa().jwk(), elliptic().jwk()});
        for (const Signer* one : {&rsa(), &elliptic()}) {
            const std::string whole = one->token(kClaims), text = whole.substr(0, whole.rfind('.'));
            const std::string signature = one->sign(text);
            CPPUNIT_ASSERT(isSigned(*keys, text + "." + toBase64Url(signature)));
            for (const std::string& wrong :
                 {std::string(), signature + '\0', '\0' + signature, signature.substr(1),
                  signature + signature, signature.substr(0, signature.size() - 1),
                  signature.substr(0, signature.size() / 2), std::string(signature.size(), '\0')})
                CPPUNIT_ASSERT(!isSigned(*keys, text + "." + toBase64Url(wrong)));
        }
    }

    void otherKeysArePassedOver() {
        const Json good = elliptic().jwk();
        const Signer small("small", Signer::Kind::rsa1024), wide("wide", Signer::Kind::p384);
        const Json odd[] = {
            small.jwk(),
            wide.jwk(),
            with(wide.jwk(), "alg", "ES256"),
            with(rsa().jwk(), "alg", "RS512"),
            with(rsa().jwk(), "alg", "PS256"),
            with(rsa().jwk(), "alg", "ES256"),
            with(rsa().jwk(), "alg", 7),
            with(rsa().jwk(), "use", "enc"),
            with(rsa().jwk(), "use", true),
            with(rsa().jwk(), "key_ops", Json::array({"encrypt"})),
            with(rsa().jwk(), "key_ops", "verify"),
            with(rsa().jwk(), "kty", "oct"),
            with(rsa().jwk(), "kid", ""),
            with(rsa().jwk(), "kid", 7),
            with(rsa().jwk(), "n", ""),
            {{"kid", "oct"}, {"kty", "oct"}, {"k", toBase64Url(std::string(32, 'k'))}},
            {{"kid", "oct"}, {"kty", "oct"}, {"alg", "RS256"}, {"k", toBase64Url(std::string(32, 'k'))}},
            {{"kid", "okp"}, {"kty", "OKP"}, {"crv", "Ed25519"}, {"x", toBase64Url(std::string(32, 'x'))}},
            "no key",
        };
        for (const Json& one : odd) {
            const auto keys = setOf({good, one});
            CPPUNIT_ASSERT_EQUAL_MESSAGE(one.dump(), std::size_t{1}, keys->size());
            CPPUNIT_ASSERT(isSigned(*keys, elliptic().token(kClaims)));
        }
        Json plain = rsa().jwk();
        for (const char* name : {"alg", "use"}) plain.erase(name);
        CPPUNIT_ASSERT(isSigned(*setOf({plain}), rsa().token(kClaims)));
        CPPUNIT_ASSERT(
            isSigned(*setOf({with(plain, "key_ops", Json::array({"verify"}))}), rsa().token(kClaims)));
    }

    void aNameThatStandsThereTwiceIsNobodys() {
        const Signer twin("rsa", Signer::Kind::p256);
        CPPUNIT_ASSERT(!setOf({rsa().jwk(), twin.jwk(), elliptic().jwk()})->has("rsa"));
        // Also when one of the two, in either order, is no key for us: which of them signed?
        const Json unfit = with(twin.jwk(), "use", "enc");
        CPPUNIT_ASSERT(!setOf({rsa().jwk(), unfit, elliptic().jwk()})->has("rsa"));
        CPPUNIT_ASSERT(!setOf({unfit, rsa().jwk(), elliptic().jwk()})->has("rsa"));
    }

    void whatIsNoKeySetIsRefused() {
        std::vector<Json> many;
        for (int i = 0; i < 65; ++i) many.push_back(with(elliptic().jwk(), "kid", "k" + std::to_string(i)));
        const std::string none[] = {
            "",
            "{",
            "[]",
            "{}",
            R"({"keys":{}})",
            R"({"keys":[]})",
            R"({"keys":[{}]})",
            R"({"keys":[],"keys":[]})",
            Json{{"keys", many}}.dump(),
            Json{{"keys", Json::array({with(rsa().jwk(), "use", "enc")})}}.dump(),
            Json{{"keys", Json::array({elliptic().jwk()})}, {"filler", std::string(256u << 10, 'x')}}.dump()};
        for (const std::string& text : none)
            CPPUNIT_ASSERT_THROW_MESSAGE(text.substr(0, 60), KeySet::read(text), std::runtime_error);
        many.pop_back();
        CPPUNIT_ASSERT_EQUAL(std::size_t{64}, setOf(many)->size());
    }

    void twoAlgorithmsAreKnown() {
        CPPUNIT_ASSERT(isKnownAlgorithm("RS256") && isKnownAlgorithm("ES256"));
        for (const char* other :
             {"", "none", "HS256", "RS384", "RS512", "PS256", "ES384", "EdDSA", "rs256", "RS2566"})
            CPPUNIT_ASSERT_MESSAGE(other, !isKnownAlgorithm(other));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(OidcKeySetTest);
