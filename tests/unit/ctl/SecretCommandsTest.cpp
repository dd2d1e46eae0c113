#include "CommandFixture.h"

using namespace usher;
using namespace usher::ctl;

/// usherctl secret …, against a server that answers what the test wants.
class SecretCommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(SecretCommandsTest);
    CPPUNIT_TEST(aSecretIsSentAsAnObjectAndNotShown);
    CPPUNIT_TEST(anEmptySecretIsNotSent);
    CPPUNIT_TEST_SUITE_END();

    void aSecretIsSentAsAnObjectAndNotShown() {
        signIn();
        const std::string line = "PUT /api/jobs/" + std::string(job) + "/secrets/TOKEN";
        server.on(line, R"({"success":true,"secret":{"name":"TOKEN"}})");
        person.input = " s3cret\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"secret", "set", job, "TOKEN"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"value":" s3cret"})"), server.request(line).body);
        CPPUNIT_ASSERT(!person.said("s3cret"));
    }
    void anEmptySecretIsNotSent() {
        signIn();
        person.input = "\n";
        CPPUNIT_ASSERT_EQUAL(2, command({"secret", "set", job, "TOKEN"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, server.requests().size()); // the sign-in
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SecretCommandsTest);
