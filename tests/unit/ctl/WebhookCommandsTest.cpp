#include "CommandFixture.h"

#include "base/Text.h"

#include <unistd.h>

using namespace usher;
using namespace usher::ctl;

/// usherctl webhook …, against a server that answers what the test wants.
class WebhookCommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(WebhookCommandsTest);
    CPPUNIT_TEST(addSendsEventsAndShowsTheSecretOnce);
    CPPUNIT_TEST(aSecretGoesIntoAFile);
    CPPUNIT_TEST_SUITE_END();

    const std::string all = "/api/jobs/" + std::string(job) + "/webhooks";
    const std::string answer = R"({"success":true,"webhook":{"id":"w1","secret":"whsec_abc"}})";

    void addSendsEventsAndShowsTheSecretOnce() {
        signIn();
        server.on("POST " + all, answer);
        CPPUNIT_ASSERT_EQUAL(0, command({"webhook", "add", job, "https://example.org/", "--event",
                                         "run.failed", "--event", "run.lost"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"events":["run.failed","run.lost"],"url":"https://example.org/"})"),
            server.request("POST " + all).body);
        CPPUNIT_ASSERT(person.said("whsec_abc"));
    }
    void aSecretGoesIntoAFile() {
        signIn();
        const std::string file = "/tmp/usher-hook-secret-" + std::to_string(::getpid());
        server.on("POST " + all, answer);
        CPPUNIT_ASSERT_EQUAL(0, command({"webhook", "add", job, "https://example.org/", "--output", file}));
        const std::string kept = readFile(file).value_or("");
        ::unlink(file.c_str());
        CPPUNIT_ASSERT_EQUAL(std::string("whsec_abc\n"), kept);
        CPPUNIT_ASSERT(!person.said("whsec_abc"));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"url":"https://example.org/"})"),
                             server.request("POST " + all).body);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WebhookCommandsTest);
