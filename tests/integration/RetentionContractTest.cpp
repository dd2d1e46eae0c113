#include "World.h"

#include "base/Clock.h"

#include <cppunit/extensions/HelperMacros.h>

#include <filesystem>
#include <thread>

using namespace usher;
using namespace usher::test;

/// What goes when runs grow old, and what stays.
class RetentionContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RetentionContractTest);
    CPPUNIT_TEST(oldRunsGoWithTheirFiles);
    CPPUNIT_TEST(theNewestOfEachJobStay);
    CPPUNIT_TEST(onlyAdminsPrune);
    CPPUNIT_TEST(aDeletedJobsRunEndsAndItsFilesGo);
    CPPUNIT_TEST(aRunThatWasDeletedWhileNobodyLookedEnds);
    CPPUNIT_TEST_SUITE_END();

    static std::string runToEnd(World& w, const std::string& job, const std::string& key, Headers more = {}) {
        Answer answer = w.trigger(job, key, {}, std::move(more));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        return w.finished(answer.json()["data"]["runId"])["id"].get<std::string>();
    }
    static int prune(World& w, const Json& rules) {
        Answer answer = w.admin("POST", "/api/runs/prune", rules);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        CPPUNIT_ASSERT(!answer.json()["more"].get<bool>());
        return answer.json()["deleted"].get<int>();
    }
    static bool hasFiles(World& w, const std::string& run) {
        return std::filesystem::exists(w.folder() + "/state/runs/" + run);
    }
    static std::string hoursAgo(int hours) {
        return std::to_string(SystemClock().now() - hours * 3600ll * 1'000'000);
    }

    /// A run of this job that sleeps, and the process that does.
    static std::pair<std::string, std::string> sleeper(World& w, const std::string& job,
                                                       const std::string& key) {
        Answer answer = w.trigger(job, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        const std::string run = answer.json()["data"]["runId"];
        std::string pid;
        eventually(w, [&] {
            Answer log = w.admin("GET", "/api/runs/" + run + "/log?test=0");
            pid = log.status == 200 ? log.body.substr(0, log.body.find('\n')) : "";
            return !pid.empty();
        });
        CPPUNIT_ASSERT(std::filesystem::exists("/proc/" + pid));
        return {run, pid};
    }
    template <class Ready>
    static void eventually(World& w, Ready ready) {
        for (int i = 0; i < 600; ++i) {
            if (ready()) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        CPPUNIT_FAIL("this did not come about\n" + w.log());
    }

    void oldRunsGoWithTheirFiles() {
        World w;
        std::string job = w.createJob({"echo hello"});
        auto key = w.createKey(job);
        std::string old = runToEnd(w, job, key.key), young = runToEnd(w, job, key.key),
                    keyed = runToEnd(w, job, key.key, {{"Idempotency-Key", "k"}});
        w.sql("UPDATE runs SET completed_at = " + hoursAgo(25) + " WHERE id IN ('" + old + "', '" + keyed +
              "')");
        CPPUNIT_ASSERT(hasFiles(w, old));
        CPPUNIT_ASSERT_EQUAL(0, prune(w, Json::object())); // the configuration keeps all
        CPPUNIT_ASSERT_EQUAL(0, prune(w, {{"keepDays", 2}}));
        CPPUNIT_ASSERT_EQUAL(1, prune(w, {{"keepDays", 1}}));
        CPPUNIT_ASSERT(!hasFiles(w, old));
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", "/api/runs/" + old).status);
        CPPUNIT_ASSERT(hasFiles(w, young) && hasFiles(w, keyed));
        CPPUNIT_ASSERT_EQUAL(std::string("0"),
                             w.sql("SELECT count(*) FROM run_tests WHERE run_id = '" + old + "'")[0][0]);
        Answer replay = w.trigger(job, key.key, {}, {{"Idempotency-Key", "k"}});
        CPPUNIT_ASSERT_EQUAL(keyed, replay.json()["data"]["runId"].get<std::string>());
        w.sql("UPDATE idempotency SET expires_at = " + hoursAgo(1));
        CPPUNIT_ASSERT_EQUAL(1, prune(w, {{"keepDays", 1}}));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), w.sql("SELECT count(*) FROM runs")[0][0]);
    }

    void theNewestOfEachJobStay() {
        World w;
        std::string job = w.createJob({"true"}), other = w.createJob({"true"});
        auto key = w.createKey(job), otherKey = w.createKey(other);
        std::vector<std::string> runs;
        for (int i = 0; i < 4; ++i) runs.push_back(runToEnd(w, job, key.key));
        std::string single = runToEnd(w, other, otherKey.key);
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", true}});
        w.admin("PATCH", "/api/jobs/" + job, {{"paused", false}});
        CPPUNIT_ASSERT_EQUAL(2, prune(w, {{"keepRuns", 2}}));
        for (int i = 0; i < 4; ++i)
            CPPUNIT_ASSERT_EQUAL(i >= 2, hasFiles(w, runs[static_cast<std::size_t>(i)]));
        CPPUNIT_ASSERT(hasFiles(w, single));
        // Of the first job one more, by age; nothing that has not ended.
        w.sql("UPDATE runs SET completed_at = 1 WHERE id = '" + runs[3] + "'");
        w.sql("UPDATE runs SET completed_at = 1, status = 'queued' WHERE id = '" + runs[2] + "'");
        CPPUNIT_ASSERT_EQUAL(1, prune(w, {{"keepDays", 1}}));
    }

    void onlyAdminsPrune() {
        World w;
        CPPUNIT_ASSERT_EQUAL(403,
                             w.as(w.signInAs("editor"), "POST", "/api/runs/prune", Json::object()).status);
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "POST", "/api/runs/prune", Json::object()).status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("POST", "/api/runs/prune", {{"keepDays", 0}}).status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("POST", "/api/runs/prune", {{"days", 1}}).status);
        auto key = w.createKey(w.createJob({"true"}));
        CPPUNIT_ASSERT(w.as(key.key, "POST", "/api/runs/prune", Json::object()).status >= 401);
    }

    void aDeletedJobsRunEndsAndItsFilesGo() {
        World w("capacity = 1\n");
        std::string job = w.createJob({"echo $$; exec sleep 300"}), other = w.createJob({"true"});
        auto key = w.createKey(job), otherKey = w.createKey(other);
        std::string kept = runToEnd(w, other, otherKey.key);
        const auto [run, pid] = sleeper(w, job, key.key);
        CPPUNIT_ASSERT_EQUAL(200, w.admin("DELETE", "/api/jobs/" + job).status);
        // There is room for one: this one begins when the other has gone.
        std::string next = runToEnd(w, other, otherKey.key);
        CPPUNIT_ASSERT(!std::filesystem::exists("/proc/" + pid));
        eventually(w, [&] { return prune(w, Json::object()) == 0 && !hasFiles(w, run); });
        CPPUNIT_ASSERT(hasFiles(w, kept) && hasFiles(w, next));
        // What is no run's stays: the tests' next run needs it.
        std::size_t others = 0;
        for (const auto& entry : std::filesystem::directory_iterator(w.folder() + "/state/runs"))
            others += entry.path().filename().string().size() != run.size();
        CPPUNIT_ASSERT(others > 0);
        CPPUNIT_ASSERT(hasFiles(w, runToEnd(w, other, otherKey.key)));
    }

    void aRunThatWasDeletedWhileNobodyLookedEnds() {
        World w("capacity = 1\n");
        std::string job = w.createJob({"echo $$; exec sleep 300"});
        auto key = w.createKey(job);
        const auto [run, pid] = sleeper(w, job, key.key);
        w.kill9();
        w.sql("DELETE FROM runs WHERE id = '" + run + "'");
        w.start();
        eventually(w, [&] { return !std::filesystem::exists("/proc/" + pid); });
        eventually(w, [&] { return prune(w, Json::object()) == 0 && !hasFiles(w, run); });
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RetentionContractTest);
