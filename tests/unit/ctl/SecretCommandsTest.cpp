#include "CommandLine.h"
#include "FakeServer.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;
using namespace usher::ctl;

/// usherctl secret …, against a server that answers what the test wants.
class SecretCommandsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SecretCommandsTest);
    CPPUNIT_TEST(aSecretIsSentAsAnObjectAndNotShown);
    CPPUNIT_TEST(anEmptySecretIsNotSent);
    CPPUNIT_TEST_SUITE_END();

    static constexpr const char* kJob = "01a20579-8f87-75c0-b10d-b7f3a810cae4";
    FakeServer server;
    CommandLine person;

    int command(std::vector<std::string> words) {
        words.insert(words.end(), {"--server", server.url()});
        return person.run(std::move(words));
    }
    void signIn() {
        server.on("POST /api/auth/sign-in/email", R"({"token":"ushs_abc","user":{"email":"a@b"}})");
        person.input = "hunter22hunter22\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"sign-in", "--email", "a@b", "--password-stdin"}));
        person.input.clear();
    }

    void aSecretIsSentAsAnObjectAndNotShown() {
        signIn();
        const std::string line = "PUT /api/jobs/" + std::string(kJob) + "/secrets/TOKEN";
        server.on(line, R"({"success":true,"secret":{"name":"TOKEN"}})");
        person.input = " s3cret\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"secret", "set", kJob, "TOKEN"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"value":" s3cret"})"), server.request(line).body);
        CPPUNIT_ASSERT(!person.said("s3cret"));
    }
    void anEmptySecretIsNotSent() {
        signIn();
        person.input = "\n";
        CPPUNIT_ASSERT_EQUAL(2, command({"secret", "set", kJob, "TOKEN"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, server.requests().size()); // the sign-in
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SecretCommandsTest);
