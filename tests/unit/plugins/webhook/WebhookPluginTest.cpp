#include "common/Crypto.h"
#include "common/Text.h"
#include "support/FakePluginHost.h"
#include "support/TemporaryFile.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher::test;
using namespace std::chrono_literals;

namespace {

const std::string kJob = "3f0c8a52-5b7e-4c39-9d21-6a0f1be47c11", kSecret = "a-secret-of-thirty-characters!";

Fields standard(const std::string& id, std::int64_t off = 0) {
    const std::string then = std::to_string(usher::plugin::nowMicros() / 1'000'000 + off);
    return {{"webhook-id", id},
            {"webhook-timestamp", then},
            {"webhook-signature",
             "v1," + usher::plugin::toBase64(usher::plugin::hmacSha256(kSecret, id + "." + then + "."))}};
}

} // namespace

/// The finished plugin, where HTTP does not reach: what comes of a delivery, and when.
class WebhookPluginTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WebhookPluginTest);
    CPPUNIT_TEST(aDeliveryCountsWhenItWasCarriedOut);
    CPPUNIT_TEST(anAnswerThatCameTooLateCostsNothing);
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
        for (const Fields& config : {Fields{}, Fields{{"secret_file", nothing.path()}},
                                     Fields{{"secret_file", "/nonexistent/secret"}},
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
