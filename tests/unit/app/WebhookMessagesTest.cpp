#include "app/WebhookMessages.h"
#include "app/WebhookDeliveries.h"
#include "base/Json.h"
#include "base/Text.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// What a webhook says, and how it is signed.
class WebhookMessagesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WebhookMessagesTest);
    CPPUNIT_TEST(theSignatureIsTheStandardsOwnExample);
    CPPUNIT_TEST(eventsMeanStatuses);
    CPPUNIT_TEST(aMessageIsTheSameAtEveryTry);
    CPPUNIT_TEST(secretsAreNewAndLongEnough);
    CPPUNIT_TEST(delaysGrowAndStayBounded);
    CPPUNIT_TEST_SUITE_END();

    void theSignatureIsTheStandardsOwnExample() {
        CPPUNIT_ASSERT_EQUAL(std::string("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
                             webhookSignature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                              "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                              R"({"test": 2432232314})")
                                 .value());
        CPPUNIT_ASSERT(!webhookSignature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "m", "1", ""));
        CPPUNIT_ASSERT(!webhookSignature("whsec_=", "m", "1", ""));
    }
    void eventsMeanStatuses() {
        using Texts = std::vector<std::string>;
        CPPUNIT_ASSERT(statusesOf({"run.passed", "passed", "run.failed"}) == (Texts{"failed", "passed"}));
        CPPUNIT_ASSERT(statusesOf({"run.ended"}) ==
                       (Texts{"cancelled", "error", "failed", "lost", "passed", "timeout"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{8}, statusesOf({"*"})->size());
        for (const char* bad : {"", "run.", "run.done", "run.*", "job.passed", "RUN.PASSED"})
            CPPUNIT_ASSERT_MESSAGE(bad, !statusesOf({"run.passed", bad}));
    }
    void aMessageIsTheSameAtEveryTry() {
        Delivery delivery;
        delivery.id = "d1";
        delivery.status = "failed";
        delivery.createdAt = 1'800'000'000'123'456;
        delivery.factsJson =
            R"({"runId":"r","status":"failed","queuedAt":1800000000000000,"startedAt":null,"exitCode":3})";
        const std::string secret = createWebhookSecret();
        const auto first = composeMessage(delivery, secret, 1'800'000'005'000'000);
        const auto second = composeMessage(delivery, secret, 1'800'000'065'000'000);
        CPPUNIT_ASSERT_EQUAL(first->body, second->body);
        CPPUNIT_ASSERT_EQUAL(std::string("msg_d1"), second->id);
        CPPUNIT_ASSERT_EQUAL(std::string("1800000065"), second->timestamp);
        CPPUNIT_ASSERT(first->signature != second->signature);
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"data":{"exitCode":3,"queuedAt":"2027-01-15T08:00:00.000Z","runId":"r",)"
                        R"("startedAt":null,"status":"failed"},"timestamp":"2027-01-15T08:00:00.123Z",)"
                        R"("type":"run.failed"})"),
            first->body);
        delivery.factsJson = "[";
        CPPUNIT_ASSERT(!composeMessage(delivery, secret, 0));
    }
    void secretsAreNewAndLongEnough() {
        const std::string one = createWebhookSecret(), other = createWebhookSecret();
        CPPUNIT_ASSERT(one != other);
        CPPUNIT_ASSERT(one.starts_with("whsec_"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{32}, fromBase64(one.substr(6))->size());
    }
    void delaysGrowAndStayBounded() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5000}, WebhookDeliveries::delayAfter(1, 1).count());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2500}, WebhookDeliveries::delayAfter(1, 0).count());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{80'000}, WebhookDeliveries::delayAfter(3, 1).count());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{6 * 3600 * 1000}, WebhookDeliveries::delayAfter(60, 1).count());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(WebhookMessagesTest);
