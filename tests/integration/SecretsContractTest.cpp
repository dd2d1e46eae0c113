#include "World.h"

#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Secrets of jobs: who sees what, and where their values never stand.
class SecretsContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SecretsContractTest);
    CPPUNIT_TEST(namesAreListedAndValuesNever);
    CPPUNIT_TEST(testsGetThemAndOutputIsMasked);
    CPPUNIT_TEST(aRestartedDaemonStillHandsThemOver);
    CPPUNIT_TEST(anotherKeyIsAClearError);
    CPPUNIT_TEST_SUITE_END();

    const std::string _keyFile = "/tmp/usher-it-key-" + std::to_string(::getpid());
    const std::string _value = "s3cr3t-v4lue-9f2e";

    void writeKey(const std::string& line) {
        std::ofstream(_keyFile) << line << "\n";
        ::chmod(_keyFile.c_str(), 0600);
    }
    std::string config() const { return "[secrets]\nkey_file = " + _keyFile + "\n"; }
    static std::string path(const std::string& job, const std::string& name = {}) {
        return "/api/jobs/" + job + "/secrets" + (name.empty() ? "" : "/" + name);
    }
    static std::string start(World& w, const std::string& job) {
        Answer answer = w.trigger(job, w.createKey(job).key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        return answer.json()["data"]["runId"].get<std::string>();
    }
    /// The value, anywhere in the files of the state folder and the log.
    void assertNowhere(World& w) const {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(w.folder()))
            if (entry.is_regular_file())
                CPPUNIT_ASSERT_MESSAGE(
                    entry.path().string(),
                    readFile(entry.path().string(), 256u << 20).value_or("").find(_value) ==
                        std::string::npos);
    }

public:
    void setUp() override { writeKey(std::string(64, 'a')); }
    void tearDown() override { ::unlink(_keyFile.c_str()); }

private:
    void namesAreListedAndValuesNever() {
        World w(config());
        std::string job = w.createJob({"true"});
        Answer made = w.admin("PUT", path(job, "TOKEN"), {{"value", _value}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
        CPPUNIT_ASSERT_EQUAL(200, w.admin("PUT", path(job, "TOKEN"), {{"value", _value}}).status);
        CPPUNIT_ASSERT_EQUAL(201, w.admin("PUT", path(job, "OTHER"), {{"value", "x"}}).status);
        Answer list = w.admin("GET", path(job));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list.json()["secrets"].size());
        CPPUNIT_ASSERT_EQUAL(std::string("OTHER"), list.json()["secrets"][0]["name"].get<std::string>());
        CPPUNIT_ASSERT(list.body.find(_value) == std::string::npos);
        for (const char* name : {"lower", "USHER_X", "PATH", "A-B"})
            CPPUNIT_ASSERT_EQUAL(400, w.admin("PUT", path(job, name), {{"value", "x"}}).status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("PUT", path(job, "EMPTY"), {{"value", ""}}).status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("PUT", path(job, "MORE"), {{"value", "x"}, {"y", 1}}).status);
        std::string viewer = w.signInAs("viewer"), editor = w.signInAs("editor");
        CPPUNIT_ASSERT_EQUAL(403, w.as(viewer, "PUT", path(job, "TOKEN"), {{"value", "x"}}).status);
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "GET", path(job)).status);
        CPPUNIT_ASSERT_EQUAL(200, w.as(editor, "DELETE", path(job, "OTHER")).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("DELETE", path(job, "OTHER")).status);
        CPPUNIT_ASSERT_EQUAL(
            404, w.admin("PUT", path("00000000-0000-4000-8000-000000000000", "A"), {{"value", "x"}}).status);
        CPPUNIT_ASSERT_EQUAL(std::string("1"), w.sql("SELECT count(*) FROM job_secrets")[0][0]);
        CPPUNIT_ASSERT(w.sql("SELECT sealed FROM job_secrets")[0][0].find(_value) == std::string::npos);
        assertNowhere(w);
    }

    void testsGetThemAndOutputIsMasked() {
        World w(config());
        std::string job = w.createJob(
            {"test \"$TOKEN\" = s3cr3t-v4lue\"-9f2e\" || exit 9; echo whole $TOKEN end; printf s3cr3t-v4; "
             "sleep 0.3; printf 'lue-9f2e!\\n'; printf s3cr3t-; cat /proc/$PPID/environ; "
             "echo \"<testsuite><testcase name='$TOKEN'><failure message='no "
             "$TOKEN'/></testcase></testsuite>\" "
             "> $USHER_RESULTS/r.xml",
             "echo again $TOKEN"});
        CPPUNIT_ASSERT_EQUAL(201, w.admin("PUT", path(job, "TOKEN"), {{"value", _value}}).status);
        Json run = w.finished(start(w, job));
        std::string id = run["id"].get<std::string>();
        CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(run), 0, run["tests"][0]["exitCode"].get<int>());
        std::string log = w.admin("GET", "/api/runs/" + id + "/log").body;
        CPPUNIT_ASSERT_MESSAGE(log, log.starts_with("whole *** end\n***!\ns3cr3t-"));
        CPPUNIT_ASSERT_MESSAGE(log, log.ends_with("again ***\n"));
        CPPUNIT_ASSERT(log.find(_value) == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(std::string("***"), run["tests"][0]["cases"][0]["name"].get<std::string>());
        CPPUNIT_ASSERT(toText(run).find(_value) == std::string::npos);
        assertNowhere(w);
    }

    void aRestartedDaemonStillHandsThemOver() {
        World w(config());
        std::string job = w.createJob({"sleep 2", "test \"$TOKEN\" = s3cr3t-v4lue-9f2e && echo has $TOKEN"});
        w.admin("PUT", path(job, "TOKEN"), {{"value", _value}});
        std::string id = start(w, job);
        for (int i = 0; i < 300; ++i) {
            if (w.admin("GET", "/api/runs/" + id).json()["status"] == "running") break;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        w.kill9();
        w.start();
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), w.finished(id)["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("has ***\n"), w.admin("GET", "/api/runs/" + id + "/log").body);
    }

    void anotherKeyIsAClearError() {
        World w(config());
        std::string job = w.createJob({"true"});
        w.admin("PUT", path(job, "TOKEN"), {{"value", _value}});
        w.signal(15);
        w.wait();
        writeKey(std::string(64, 'b'));
        w.start();
        Json run = w.finished(start(w, job));
        CPPUNIT_ASSERT_EQUAL(std::string("error"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_MESSAGE(toText(run),
                               run["errorDetails"].get<std::string>().find("TOKEN") != std::string::npos);
        World without;
        std::string other = without.createJob({"true"});
        Answer refused = without.admin("PUT", path(other, "TOKEN"), {{"value", "x"}});
        CPPUNIT_ASSERT_EQUAL(409, refused.status);
        CPPUNIT_ASSERT_EQUAL(std::string("SECRETS_NOT_CONFIGURED"), refused.code());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(SecretsContractTest);
