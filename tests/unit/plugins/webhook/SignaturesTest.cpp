#include "webhook-signature/signatures.hpp"

#include <cppunit/extensions/HelperMacros.h>

using namespace webhook;

namespace {

// Of the senders' own documentation: GitHub, "Validating webhook deliveries"; Standard Webhooks'
// specification.
const std::string kGithubSecret = "It's a Secret to Everybody", kGithubBody = "Hello, World!",
                  kGithub = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const std::string kId = "msg_p5jXN8AQM9LWM0D4loKWxJek", kTime = "1614265330",
                  kBody = "{\"test\": 2432232314}",
                  kStandard = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

std::string key() {
    std::string bytes(24, '\0');
    const std::string text = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                    reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    return bytes;
}

bool standard(const std::string& field) {
    return isStandard(key(), field, kId, kTime, kBody);
}

std::string upper(std::string text, std::size_t from) {
    for (std::size_t i = from; i < text.size(); ++i)
        text[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[i])));
    return text;
}

} // namespace

/// The three ways to sign, against known answers, and each way to be nearly right.
class SignaturesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SignaturesTest);
    CPPUNIT_TEST(githubSignsTheBody);
    CPPUNIT_TEST(gitlabSendsTheSecret);
    CPPUNIT_TEST(standardSignsIdTimeAndBody);
    CPPUNIT_TEST(ofSeveralSignaturesOneMustBeRight);
    CPPUNIT_TEST(equalIsToTheLetter);
    CPPUNIT_TEST_SUITE_END();

    void githubSignsTheBody() {
        CPPUNIT_ASSERT(isGithub(kGithubSecret, kGithub, kGithubBody));
        CPPUNIT_ASSERT(!isGithub(kGithubSecret, kGithub, kGithubBody + " "));
        CPPUNIT_ASSERT(!isGithub(kGithubSecret, kGithub, ""));
        CPPUNIT_ASSERT(!isGithub(kGithubSecret + "x", kGithub, kGithubBody));
        const std::string digest = kGithub.substr(7);
        for (const std::string& field :
             {std::string(), digest, "sha1=" + digest, "SHA256=" + digest, "sha256:" + digest, " " + kGithub,
              kGithub + " ", kGithub + "0", kGithub.substr(0, 70), std::string("sha256="), upper(kGithub, 7),
              kGithub + "," + kGithub})
            CPPUNIT_ASSERT_MESSAGE(field, !isGithub(kGithubSecret, field, kGithubBody));
    }

    void gitlabSendsTheSecret() {
        const std::string secret = "a-secret-of-thirty-characters!";
        CPPUNIT_ASSERT(isGitlab(secret, secret));
        for (const std::string& field :
             {std::string(), secret.substr(1), secret.substr(0, 29), secret + "x", secret + " ",
              upper(secret, 0), std::string(30, '\0'), secret + std::string(1, '\0')})
            CPPUNIT_ASSERT_MESSAGE(field, !isGitlab(secret, field));
    }

    void standardSignsIdTimeAndBody() {
        CPPUNIT_ASSERT(standard(kStandard));
        CPPUNIT_ASSERT(!isStandard(key() + "x", kStandard, kId, kTime, kBody));
        CPPUNIT_ASSERT(!isStandard(key(), kStandard, kId + "x", kTime, kBody));
        CPPUNIT_ASSERT(!isStandard(key(), kStandard, kId, "1614265331", kBody));
        CPPUNIT_ASSERT(!isStandard(key(), kStandard, kId, kTime, kBody + " "));
        for (const std::string& field :
             {std::string(), kStandard.substr(3), "v1=" + kStandard.substr(3), "v2," + kStandard.substr(3),
              "V1," + kStandard.substr(3), "v1a," + kStandard.substr(3),
              kStandard.substr(0, kStandard.size() - 1), kStandard + "=", kStandard + ",", "x" + kStandard,
              std::string("v1,"), upper(kStandard, 3)})
            CPPUNIT_ASSERT_MESSAGE(field, !standard(field));
    }

    void ofSeveralSignaturesOneMustBeRight() {
        const std::string other = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=", newer = "v1a,aGVsbG8=";
        for (const std::string& field : {kStandard + " " + other, other + " " + kStandard,
                                         newer + " " + kStandard, other + " " + kStandard + " " + newer,
                                         " " + kStandard, kStandard + " ", other + "  " + kStandard})
            CPPUNIT_ASSERT_MESSAGE(field, standard(field));
        for (const std::string& field :
             {other + " " + newer, other + "," + kStandard, kStandard + "," + other, kStandard + "\t" + other,
              std::string("   ")})
            CPPUNIT_ASSERT_MESSAGE(field, !standard(field));
    }

    void equalIsToTheLetter() {
        CPPUNIT_ASSERT(equal("", "") && equal("abc", "abc"));
        for (const char* other : {"", "a", "ab", "abd", "abcd", "xbc", "ABC"})
            CPPUNIT_ASSERT_MESSAGE(other, !equal("abc", other) && !equal(other, "abc"));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SignaturesTest);
