#include "common/Crypto.h"
#include "common/Text.h"
#include "support/FakePluginHost.h"
#include "support/TemporaryFile.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::test;
using namespace std::chrono_literals;

namespace {

const std::string kJob = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11", kSecret = "a-secret-of-thirty-characters!";

Fields github(const std::string& secret) {
    return {{"X-Hub-Signature-256", "sha256=" + usher::plugin::toHex(usher::plugin::hmacSha256(secret, ""))}};
}

Fields standard(const std::string& id, std::int64_t off = 0, const std::string& secret = kSecret) {
    const std::string then = std::to_string(usher::plugin::nowMicros() / 1'000'000 + off);
    return {{"webhook-id", id},
            {"webhook-timestamp", then},
            {"webhook-signature",
             "v1," + usher::plugin::toBase64(usher::plugin::hmacSha256(secret, id + "." + then + "."))}};
}

} // namespace

/// The finished plugin, where HTTP does not reach: what comes of a delivery, and when.
class WebhookPluginTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WebhookPluginTest);
    CPPUNIT_TEST(aDeliveryCountsWhenItWasCarriedOut);
    CPPUNIT_TEST(anAnswerThatCameTooLateCostsNothing);
    CPPUNIT_TEST(everySecretIsGoodForEveryWay);
    CPPUNIT_TEST(aKeyInBase64IsForStandardWebhooksAlone);
    CPPUNIT_TEST(moreThanIsRememberedIsNoReplayAndNotLetIn);
    CPPUNIT_TEST(aRefusalSaysWhoseAndWhy);
    CPPUNIT_TEST(withoutAGoodConfigurationThereIsNoPlugin);
    CPPUNIT_TEST_SUITE_END();

    const TemporaryFile file{kSecret + "\n"};
    FakePluginHost host{USHER_WEBHOOK_SO, "", {{"secret_file", file.path()}}};

    Question question(const Fields& headers) {
        Question one;
        one.resource = kJob, one.headers = headers;
        return one;
    }

    void aDeliveryCountsWhenItWasCarriedOut() {
        CPPUNIT_ASSERT(host.start());
        int number = 0;
        for (const int outcome : {USHER_ACCEPTED, USHER_UNKNOWN, USHER_ABANDONED}) {
            const std::string id = "msg_" + std::to_string(++number);
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW),
                                 host.askAndSettle(question(standard(id)), outcome).decision);
            const Said again = host.ask(question(standard(id)));
            CPPUNIT_ASSERT_EQUAL(std::string(outcome == USHER_ABANDONED ? "" : "WEBHOOK_REPLAYED"),
                                 again.code);
        }
    }

    void anAnswerThatCameTooLateCostsNothing() {
        CPPUNIT_ASSERT(host.start());
        Question late = question(standard("msg_late"));
        late.budget = 0ms;
        CPPUNIT_ASSERT(!host.ask(late).answered);
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW),
                             host.ask(question(standard("msg_late"))).decision);
    }

    void everySecretIsGoodForEveryWay() {
        const std::string secrets[] = {kSecret, "another-secret-of-30-letters!!",
                                       "and-one-more-of-thirty-letters"};
        const TemporaryFile three(secrets[0] + "\n" + secrets[1] + "\n" + secrets[2] + "\n");
        FakePluginHost changing(USHER_WEBHOOK_SO, "", {{"secret_file", three.path()}});
        CPPUNIT_ASSERT(changing.start());
        for (const std::string& secret : secrets)
            for (const Fields& way :
                 {github(secret), Fields{{"X-Gitlab-Token", secret}}, standard("msg_" + secret, 0, secret)})
                CPPUNIT_ASSERT_EQUAL_MESSAGE(secret + way.back().first, static_cast<int>(USHER_ALLOW),
                                             changing.ask(question(way)).decision);
    }

    void aKeyInBase64IsForStandardWebhooksAlone() {
        const std::string text = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", key = "0123456789abcdef01234567";
        const TemporaryFile one(text + "\n");
        FakePluginHost other(USHER_WEBHOOK_SO, "", {{"secret_file", one.path()}});
        CPPUNIT_ASSERT(other.start());
        for (const Fields& way : {github(text), Fields{{"X-Gitlab-Token", text}}, standard("msg_1", 0, key)})
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW), other.ask(question(way)).decision);
        for (const Fields& way : {github(key), Fields{{"X-Gitlab-Token", key}}, standard("msg_2", 0, text)})
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_SIGNATURE"), other.ask(question(way)).code);
    }

    void moreThanIsRememberedIsNoReplayAndNotLetIn() {
        CPPUNIT_ASSERT(host.start());
        for (int i = 0; i < 100'000; ++i)
            host.askAndSettle(question(standard("msg_" + std::to_string(i))), USHER_ACCEPTED);
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ERROR), host.ask(question(standard("msg_new"))).decision);
        CPPUNIT_ASSERT_EQUAL(std::string("WEBHOOK_REPLAYED"), host.ask(question(standard("msg_0"))).code);
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW), host.ask(question(github(kSecret))).decision);
    }

    void aRefusalSaysWhoseAndWhy() {
        CPPUNIT_ASSERT(host.start());
        const Said forged = host.ask(question({{"X-Gitlab-Token", "another-secret-of-30-letters!!"}}));
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_SIGNATURE"), forged.code);
        CPPUNIT_ASSERT_EQUAL(401, forged.httpStatus);
        CPPUNIT_ASSERT(forged.flags & USHER_GUESS); // counts against its sender
        CPPUNIT_ASSERT(forged.principalId.empty());
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ALLOW),
                             host.askAndSettle(question(standard("msg_1")), USHER_ACCEPTED).decision);
        const Said replayed = host.ask(question(standard("msg_1")));
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_DENY), replayed.decision);
        CPPUNIT_ASSERT(replayed.flags & USHER_REPLAY_OK);
        CPPUNIT_ASSERT_EQUAL(std::string("webhook-signature:standard"),
                             replayed.principalId); // whose key it replays
        const Said old = host.ask(question(standard("msg_2", -400)));
        CPPUNIT_ASSERT_EQUAL(std::string("SIGNATURE_EXPIRED"), old.code);
        CPPUNIT_ASSERT(!(old.flags & USHER_GUESS)); // who signed it knows the secret
        Question other = question({{"X-Gitlab-Token", kSecret}});
        other.action = "run.read";
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(USHER_ABSTAIN), host.ask(other).decision);
    }

    void withoutAGoodConfigurationThereIsNoPlugin() {
        const TemporaryFile nothing("# no secret\n");
        for (const Fields& config :
             {Fields{}, Fields{{"secret_file", nothing.path()}},
              Fields{{"secret_file", "/nonexistent/secret"}},
              Fields{{"secret_file", file.path()}, {"job_secrets_file", "/nonexistent/secret"}},
              Fields{{"secret_file", file.path()}, {"accept", "github, gitea"}},
              Fields{{"secret_file", file.path()}, {"accept", ""}},
              Fields{{"secret_file", file.path()}, {"tolerance", "10"}},
              Fields{{"secret_file", file.path()}, {"tolerance_seconds", "3601"}},
              Fields{{"secret_file", file.path()}, {"tolerance_seconds", "0"}},
              Fields{{"secret_file", file.path()}, {"remember_seconds", "60"}}}) {
            FakePluginHost other(USHER_WEBHOOK_SO, "", config);
            CPPUNIT_ASSERT_MESSAGE(config.empty() ? "" : config.back().first + "=" + config.back().second,
                                   !other.start());
            CPPUNIT_ASSERT(!other.log().empty());
        }
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(WebhookPluginTest);
