#include "CommandFixture.h"
#include "base/Text.h"

#include <sys/stat.h>

using namespace usher;
using namespace usher::ctl;

/// usherctl key … and keys harden.
class KeyCommandsTest : public CommandFixture {
    CPPUNIT_TEST_SUITE(KeyCommandsTest);
    CPPUNIT_TEST(keyGoesToAFileOfItsOwn);
    CPPUNIT_TEST(keyIsShownOnceWithAWarning);
    CPPUNIT_TEST(keyLimitsAreSent);
    CPPUNIT_TEST(keysAreChangedByName);
    CPPUNIT_TEST(keysAreHardenedToTheEnd);
    CPPUNIT_TEST(aKeyIsInspectedWithoutAServer);
    CPPUNIT_TEST_SUITE_END();

    void keyGoesToAFileOfItsOwn() {
        signIn();
        server.on("POST " + jobPath + "/api-keys",
                  FakeServer::Answer{
                      201, R"({"success":true,"apiKey":{"id":"k1","name":"ci","key":"job_SECRET"}})", {}});
        std::string output = person.home + "/ci.key";
        CPPUNIT_ASSERT_EQUAL(0,
                             command({"key", "create", job, "--name", "ci", "--output", output, "--json"}));
        CPPUNIT_ASSERT(!person.said("job_SECRET"));
        CPPUNIT_ASSERT_EQUAL(std::string("job_SECRET\n"), *readFile(output));
        struct stat info {};
        ::stat(output.c_str(), &info);
        CPPUNIT_ASSERT_EQUAL(mode_t(0600), mode_t(info.st_mode & 0777));
        // A file that is there stops the command before a key is made that nobody would have.
        CPPUNIT_ASSERT_EQUAL(2, command({"key", "create", job, "--name", "ci", "--output", output}));
        CPPUNIT_ASSERT_EQUAL(1, server.count("POST " + jobPath + "/api-keys"));
    }
    void keyIsShownOnceWithAWarning() {
        signIn();
        server.on("POST " + jobPath + "/api-keys",
                  R"({"apiKey":{"id":"k1","name":"ci","key":"job_SECRET","jobId":"j"}})");
        CPPUNIT_ASSERT_EQUAL(0, command({"key", "create", job, "--name", "ci"}));
        CPPUNIT_ASSERT(person.out.find("job_SECRET\n") != std::string::npos);
        CPPUNIT_ASSERT(person.err.find("only time") != std::string::npos);
    }
    void keyLimitsAreSent() {
        signIn();
        server.on("POST " + jobPath + "/api-keys",
                  R"({"apiKey":{"id":"k1","name":"ci","key":"job_SECRET"}})");
        CPPUNIT_ASSERT_EQUAL(
            0, command({"key", "create", job, "--name", "ci", "--expires-in", "90d", "--rate-limit",
                        "100/60s", "--uses", "5", "--allow", "10.0.0.0/8", "--allow", "::1"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"allowedAddresses":["10.0.0.0/8","::1"],"expiresIn":7776000,"name":"ci",)"
                        R"("rateLimit":{"max":100,"windowSeconds":60},"remaining":5})"),
            server.request("POST " + jobPath + "/api-keys").body);
        CPPUNIT_ASSERT_EQUAL(0, command({"key", "create", job, "--name", "ci", "--rate-limit", "none"}));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"name":"ci","rateLimit":null})"), server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL(2, command({"key", "create", job, "--name", "ci", "--rate-limit", "many"}));
    }
    void keysAreChangedByName() {
        signIn();
        server.on("GET " + jobPath + "/api-keys", R"({"apiKeys":[{"id":"k1","name":"ci"}]})");
        const std::string line = "PATCH " + jobPath + "/api-keys/k1";
        server.on(line, R"({"success":true,"apiKey":{"id":"k1"}})");
        const int code = command({"key", "update", job, "ci", "--name", "hq", "--expires-in", "30d", "--uses",
                                  "7", "--rate-limit", "5/m", "--allow", "::1"});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(person.err, 0, code);
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"allowedAddresses":["::1"],"expiresIn":2592000,"name":"hq",)"
                                         R"("rateLimit":{"max":5,"windowSeconds":60},"remaining":7})"),
                             server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL(0, command({"key", "update", job, "ci", "--expires-in", "never", "--uses", "any",
                                         "--rate-limit", "none", "--allow", "any"}));
        CPPUNIT_ASSERT_EQUAL(
            std::string(R"({"allowedAddresses":null,"expiresIn":null,"rateLimit":null,"remaining":null})"),
            server.requests().back().body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE("nothing to change", 2, command({"key", "update", job, "ci"}));
        CPPUNIT_ASSERT_EQUAL(2, server.count(line));
    }
    void keysAreHardenedToTheEnd() {
        signIn();
        const std::string line = "POST /api/api-keys/harden";
        server.on(line,
                  R"({"rewritten":{"hex":2,"clear":1},"unchanged":5,"skipped":["k9"],"nextCursor":"k5"})");
        server.on(line, R"({"rewritten":{"hex":0,"clear":4},"unchanged":1,"skipped":[],"nextCursor":null})");
        CPPUNIT_ASSERT_EQUAL(0, command({"keys", "harden"}));
        CPPUNIT_ASSERT(person.said("2 from hex, 5 from the clear"));
        CPPUNIT_ASSERT(person.said("already: 6") && person.said("  k9\n"));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"cursor":"k5"})"), server.requests().back().body);
    }
    void aKeyIsInspectedWithoutAServer() {
        const std::string good = "job_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ013PQBQX";
        auto inspect = [&](const std::string& key) {
            person.input = key + "\n";
            const int code = person.run({"key", "inspect", "--server", "http://127.0.0.1:9"});
            CPPUNIT_ASSERT_MESSAGE("never echoed", key.size() < 16 || !person.said(key.substr(0, 16)));
            return code;
        };
        CPPUNIT_ASSERT_EQUAL(0, inspect(good));
        CPPUNIT_ASSERT_MESSAGE(person.out,
                               person.said("Checksum  right") && person.said("Start     job_abcd"));
        CPPUNIT_ASSERT_EQUAL(1, inspect(good.substr(0, 63) + (good[63] == 'T' ? "U" : "T")));
        CPPUNIT_ASSERT(person.said("Checksum  wrong"));
        // A known answer of the shared vectors.
        CPPUNIT_ASSERT_EQUAL(0, inspect("job_0123456789abcdefghijklmnopqrstuv"));
        CPPUNIT_ASSERT(person.said("Digest    qYA9uNuQRkq-lNblSiBFGZEnye-942yI0rOkUEgg8Hc\n"));
        CPPUNIT_ASSERT(person.said("Checksum  none") && person.said("unknown"));
        for (const auto& [key, format] : std::vector<std::pair<std::string, std::string>>{
                 {"job_0123456789abcdef0123456789abcdef", "job_ + 32 hex digits"},
                 {"sck_trigger_0123456789abcdef0123456789abcdef", "sck_trigger_ + 32 hex"},
                 {std::string(64, 'Q'), "64 letters"},
                 {"my-" + std::string(64, 'q'), "a prefix + 64 letters"},
                 {"qYA9uNuQRkq-lNblSiBFGZEnye-942yI0rOkUEgg8Hc", "a digest"},
                 {std::string(32, '0') + std::string(32, 'f'), "a digest"}}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(format, 0, inspect(key));
            CPPUNIT_ASSERT_MESSAGE(format + ": " + person.out, person.said("Format    " + format));
        }
        CPPUNIT_ASSERT_EQUAL(1, inspect("short"));
        CPPUNIT_ASSERT_EQUAL(1, inspect("job_with_\xc3\xa9_inside"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("nothing", 2, inspect(""));
        CPPUNIT_ASSERT_EQUAL(2, person.run({"key", "inspect", "--key-file", person.home + "/none"}));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("nobody was asked", std::size_t{0}, server.requests().size());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(KeyCommandsTest);
