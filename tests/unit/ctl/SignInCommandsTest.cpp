#include "CommandFixture.h"

#include <sys/stat.h>

using namespace usher;
using namespace usher::ctl;

/// usherctl setup, sign-in, sign-out, whoami.
class SignInCommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(SignInCommandsTest);
    CPPUNIT_TEST(setupSendsTheTokenAndSignsIn);
    CPPUNIT_TEST(signedInCommandsCarryTheSession);
    CPPUNIT_TEST(signOutForgetsAlsoAnEndedSession);
    CPPUNIT_TEST_SUITE_END();

    std::string sentBy(const std::string& line, const std::string& header) {
        return server.request(line).headers[header];
    }
    void setupSendsTheTokenAndSignsIn() {
        file("state/setup-token", "tok-123\n");
        server.on("POST /api/auth/setup", FakeServer::Answer{201, R"({"user":{"email":"a@b"}})", {}});
        server.on("POST /api/auth/sign-in/email", R"({"token":"ushs_abc","user":{"email":"a@b"}})");
        person.input = "correct horse\n";
        CPPUNIT_ASSERT_EQUAL(0, command({"setup", "--email", "a@b", "--name", "Ann", "--password-stdin",
                                         "--state-dir", person.home + "/state"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"email":"a@b","name":"Ann","password":"correct horse","token":"tok-123"})"),
            server.request("POST /api/auth/setup").body);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"bearer":true,"email":"a@b","password":"correct horse"})"),
                             server.request("POST /api/auth/sign-in/email").body);
        CPPUNIT_ASSERT(!person.said("correct horse") && !person.said("tok-123") && !person.said("ushs_abc"));
        CPPUNIT_ASSERT_EQUAL(
            2, command({"setup", "--email", "a@b", "--password-stdin", "--token-file", "/nowhere"}));
    }
    void signedInCommandsCarryTheSession() {
        CPPUNIT_ASSERT_EQUAL(2, command({"whoami"}));
        CPPUNIT_ASSERT(person.said("usherctl sign-in"));
        signIn();
        struct stat info {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat((person.home + "/.config/usher/credentials.json").c_str(), &info));
        CPPUNIT_ASSERT_EQUAL(mode_t(0600), mode_t(info.st_mode & 0777));
        server.on("GET /api/auth/get-session", R"({"session":{},"user":{"email":"a@b","role":"admin"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"whoami"}));
        CPPUNIT_ASSERT(person.said("a@b (admin)"));
        CPPUNIT_ASSERT_EQUAL(std::string("Bearer ushs_abc"),
                             sentBy("GET /api/auth/get-session", "Authorization"));
    }
    void signOutForgetsAlsoAnEndedSession() {
        signIn();
        server.on("POST /api/auth/sign-out", FakeServer::Answer{401, R"({"error":"Unauthorized"})", {}});
        CPPUNIT_ASSERT_EQUAL(0, command({"sign-out"}));
        CPPUNIT_ASSERT_EQUAL(2, command({"whoami"}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SignInCommandsTest);
