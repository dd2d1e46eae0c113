#include "World.h"

#include <cppunit/extensions/HelperMacros.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace usher;
using namespace usher::test;

/// [exec] sandbox = strict and the job's `network`, from the API to the run.
class StrictContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StrictContractTest);
    CPPUNIT_TEST(theRunSaysWhatWasInForceAndTheJobOpensTheNetwork);
    CPPUNIT_TEST_SUITE_END();

    void theRunSaysWhatWasInForceAndTheJobOpensTheNetwork() {
        if (::geteuid() != 0) return;
        World w("", false);
        std::filesystem::create_directory(w.folder() + "/conf.d");
        std::ofstream(w.folder() + "/conf.d/strict.conf") << "[exec]\nsandbox = strict\n";
        try {
            w.start();
        } catch (const CppUnit::Exception&) {
            CPPUNIT_ASSERT_MESSAGE(w.log(), w.log().find("this machine cannot give sandbox strict: ") !=
                                                std::string::npos);
            std::printf("SKIPPED part: profile strict cannot be given here\n");
            return;
        }
        // Only a loopback without the machine's own interfaces is a network of its own.
        std::string job =
            w.createJob({"touch /etc/x && exit 1; tail -n +3 /proc/net/dev | grep -vc ' lo:' || exit 0"});
        auto key = w.createKey(job, {{"name", "ci"}});
        Json run = w.finished(w.trigger(job, key.key).json()["data"]["runId"]);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(run), std::string("passed"), run["status"].get<std::string>());
        const std::string closed = run["sandbox"];
        CPPUNIT_ASSERT_MESSAGE(closed,
                               closed.starts_with("strict (uid, rlimits, ") &&
                                   closed.find("namespaces, seccomp, no network") != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(200, w.admin("PATCH", "/api/jobs/" + job, {{"network", "full"}}).status);
        run = w.finished(w.trigger(job, key.key).json()["data"]["runId"]);
        const std::string open = run["sandbox"];
        CPPUNIT_ASSERT_MESSAGE(open, open.find("no network") == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("PATCH", "/api/jobs/" + job, {{"network", "some"}}).status);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StrictContractTest);
