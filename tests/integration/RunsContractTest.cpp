#include "World.h"

#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Runs as clients see them: state, log, live events, cancel, timeout; and what a kill -9 of the daemon does
/// to them.
class RunsContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RunsContractTest);
    CPPUNIT_TEST(aRunShowsEverythingThatIsDocumented);
    CPPUNIT_TEST(eventsTellTheWholeStoryAndResumeFromAnyPlace);
    CPPUNIT_TEST(aSubscriberOfAQueuedRunSeesItsEnd);
    CPPUNIT_TEST(logsAreServedByOffsetAndRange);
    CPPUNIT_TEST(cancelEndsQueuedAndRunningRuns);
    CPPUNIT_TEST(aRunPastItsTimeIsEnded);
    CPPUNIT_TEST(artifactsStayInsideTheRunsFolder);
    CPPUNIT_TEST(rerunMakesANewRun);
    CPPUNIT_TEST(socketsFitBelowTmpdir);
    CPPUNIT_TEST(nothingAcknowledgedIsLostByKill9);
    CPPUNIT_TEST(aRunGoesOnWhileTheDaemonRestarts);
    CPPUNIT_TEST(aSecondDaemonRefusesToStart);
    CPPUNIT_TEST_SUITE_END();

    struct Event {
        std::string id, type;
        Json data;
    };
    static std::vector<Event> parseEvents(const std::string& body) {
        std::vector<Event> events;
        Event event;
        for (const std::string& line : split(body, '\n')) {
            if (line.starts_with("id: ")) event.id = line.substr(4);
            if (line.starts_with("event: ")) event.type = line.substr(7);
            if (line.starts_with("data: ")) event.data = std::get<Json>(parseJson(line.substr(6)));
            if (line.empty() && !event.id.empty()) {
                events.push_back(event);
                event = {};
            }
        }
        return events;
    }
    static std::string start(World& w, const std::string& job, const std::string& key) {
        Answer answer = w.trigger(job, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        return answer.json()["data"]["runId"].get<std::string>();
    }
    static std::vector<Event> events(World& w, const std::string& run, const std::string& lastId = {}) {
        Http http(w.port());
        Headers headers = {{"Authorization", "Bearer " + w.token()}};
        if (!lastId.empty()) headers.emplace_back("Last-Event-ID", lastId);
        Answer answer = http.request("GET", "/api/runs/" + run + "/events", headers);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        CPPUNIT_ASSERT_EQUAL(std::string("text/event-stream"), answer.field("content-type"));
        return parseEvents(answer.body);
    }
    static void awaitStatus(World& w, const std::string& run, const std::string& status) {
        for (int i = 0; i < 300; ++i) {
            if (w.admin("GET", "/api/runs/" + run).json().at("status").get<std::string>() == status) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
        }
        CPPUNIT_FAIL("run does not become " + status + "\n" + w.log());
    }

    void aRunShowsEverythingThatIsDocumented() {
        World w;
        std::string job = w.createJob({"echo out; exit 3", "kill -9 $$"});
        auto key = w.createKey(job, {{"name", "ci"}});
        Json run = w.finished(start(w, job, key.key));
        for (const char* field : {"id", "jobId", "jobName", "status", "trigger", "triggeredBy", "attempt",
                                  "parameters", "nodeId", "sandbox", "queuedAt", "startedAt", "completedAt",
                                  "durationMs", "exitCode", "signal", "errorDetails", "tests", "timeline"})
            CPPUNIT_ASSERT_MESSAGE(field, run.contains(field));
        CPPUNIT_ASSERT_EQUAL(std::string("remote"), run["trigger"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(1, run["attempt"].get<int>());
        for (const char* field :
             {"position", "testId", "title", "type", "status", "exitCode", "signal", "startedAt",
              "completedAt", "durationMs", "outputBytes", "truncated", "cases"})
            CPPUNIT_ASSERT_MESSAGE(field, run["tests"][0].contains(field));
        CPPUNIT_ASSERT_EQUAL(4, run["tests"][0]["outputBytes"].get<int>());
        CPPUNIT_ASSERT_EQUAL(9, run["tests"][1]["signal"].get<int>());
        CPPUNIT_ASSERT(run["timeline"].size() >= 2);
        CPPUNIT_ASSERT_EQUAL(std::string("queued"), run["timeline"][0]["type"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", "/api/runs/00000000-0000-4000-8000-000000000000").status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("GET", "/api/runs/nonsense").status);
    }

    void eventsTellTheWholeStoryAndResumeFromAnyPlace() {
        World w;
        std::string job =
            w.createJob({"for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done", "echo second"});
        auto key = w.createKey(job);
        std::string run = start(w, job, key.key);
        std::vector<Event> all = events(w, run); // subscribed while it runs
        CPPUNIT_ASSERT_EQUAL(std::string("end"), all.back().type);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), all.back().data["status"].get<std::string>());
        std::set<std::string> ids;
        std::string text;
        int results = 0;
        for (const Event& event : all) {
            CPPUNIT_ASSERT_MESSAGE("id twice: " + event.id, ids.insert(event.id).second);
            if (event.type == "log") text += event.data["text"].get<std::string>();
            results += event.type == "result";
        }
        CPPUNIT_ASSERT_EQUAL(std::string("line 1\nline 2\nline 3\nline 4\nline 5\nsecond\n"), text);
        CPPUNIT_ASSERT_EQUAL(2, results);
        for (std::size_t i = 0; i + 1 < all.size(); ++i) {
            std::vector<Event> rest = events(w, run, all[i].id);
            CPPUNIT_ASSERT_EQUAL_MESSAGE("after " + all[i].id, all.size() - i - 1, rest.size());
            CPPUNIT_ASSERT_EQUAL(all[i + 1].id, rest[0].id);
        }
        Http http(w.port());
        Headers done = {{"Authorization", "Bearer " + w.token()}, {"Last-Event-ID", all.back().id}};
        CPPUNIT_ASSERT_EQUAL(204, http.request("GET", "/api/runs/" + run + "/events", done).status);
    }

    void aSubscriberOfAQueuedRunSeesItsEnd() {
        World w;
        std::string job = w.createJob({"sleep 0.5; echo done"});
        auto key = w.createKey(job);
        std::string first = start(w, job, key.key), second = start(w, job, key.key);
        std::vector<Event> all = events(w, second); // waits behind the first: one run of a job at a time
        CPPUNIT_ASSERT_EQUAL(std::string("queued"), all.front().data["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("end"), all.back().type);
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), all.back().data["status"].get<std::string>());
    }

    void logsAreServedByOffsetAndRange() {
        World w;
        std::string job = w.createJob({"printf 0123456789", "printf abc"});
        auto key = w.createKey(job);
        std::string run = start(w, job, key.key), log = "/api/runs/" + run + "/log";
        w.finished(run);
        CPPUNIT_ASSERT_EQUAL(std::string("0123456789"), w.admin("GET", log + "?test=0").body);
        CPPUNIT_ASSERT_EQUAL(std::string("56789"), w.admin("GET", log + "?test=0&offset=5").body);
        CPPUNIT_ASSERT_EQUAL(std::string("0123456789abc"), w.admin("GET", log).body);
        Http http(w.port());
        Headers range = {{"Authorization", "Bearer " + w.token()}, {"Range", "bytes=2-4"}};
        Answer part = http.request("GET", log + "?test=0", range);
        CPPUNIT_ASSERT_EQUAL(206, part.status);
        CPPUNIT_ASSERT_EQUAL(std::string("234"), part.body);
        CPPUNIT_ASSERT_EQUAL(std::string("bytes 2-4/10"), part.field("content-range"));
        range.back().second = "bytes=7-9223372036854775807"; // as far as it goes
        part = http.request("GET", log + "?test=0", range);
        CPPUNIT_ASSERT_EQUAL(206, part.status);
        CPPUNIT_ASSERT_EQUAL(std::string("789"), part.body);
        CPPUNIT_ASSERT_EQUAL(std::string("bytes 7-9/10"), part.field("content-range"));
        range.back().second = "bytes=99-";
        CPPUNIT_ASSERT_EQUAL(416, http.request("GET", log + "?test=0", range).status);
        CPPUNIT_ASSERT_EQUAL(404, w.admin("GET", log + "?test=7").status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("GET", log + "?test=-1").status);
        CPPUNIT_ASSERT_EQUAL(400, w.admin("GET", log + "?offset=x").status);
    }

    void cancelEndsQueuedAndRunningRuns() {
        World w;
        std::string job =
            w.createJob({"trap '' TERM; echo up; sleep 60", "echo never"}, {{"name", "stubborn"}});
        auto key = w.createKey(job);
        std::string running = start(w, job, key.key), queued = start(w, job, key.key);
        awaitStatus(w, running, "running");
        Answer cancelled = w.admin("POST", "/api/runs/" + queued + "/cancel");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(cancelled.body, 200, cancelled.status);
        CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), cancelled.json()["status"].get<std::string>());
        const std::vector<Event> told = events(w, queued); // no leader wrote it down
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, told.size());
        CPPUNIT_ASSERT_EQUAL(std::string("state"), told[1].type);
        CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), told[1].data["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("end"), told[2].type);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, events(w, queued, told[0].id).size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, events(w, queued, told[1].id).size());
        CPPUNIT_ASSERT_EQUAL(200, w.as(key.key, "POST", "/api/runs/" + running + "/cancel").status);
        Json run = w.finished(running, 40);
        CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("skipped"), run["tests"][1]["status"].get<std::string>());
        Answer again = w.admin("POST", "/api/runs/" + running + "/cancel");
        CPPUNIT_ASSERT_EQUAL(409, again.status);
    }

    void aRunPastItsTimeIsEnded() {
        World w;
        std::string job = w.createJob({"echo up; sleep 60"}, {{"timeoutSeconds", 1}});
        auto key = w.createKey(job);
        Json run = w.finished(start(w, job, key.key), 30);
        CPPUNIT_ASSERT_EQUAL(std::string("timeout"), run["status"].get<std::string>());
    }

    void artifactsStayInsideTheRunsFolder() {
        World w;
        std::string job =
            w.createJob({"echo kept > $USHER_ARTIFACTS/a.txt; ln -s /etc/passwd $USHER_ARTIFACTS/link"});
        auto key = w.createKey(job);
        std::string run = start(w, job, key.key), base = "/api/runs/" + run + "/artifacts";
        w.finished(run);
        Json list = w.admin("GET", base).json().at("artifacts");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(list), std::size_t{1}, list.size());
        CPPUNIT_ASSERT_EQUAL(std::string("kept\n"), w.admin("GET", base + "/a.txt").body);
        for (const char* path : {"/link", "/../result.json", "/..%2fresult.json", "/%2e%2e/journal",
                                 "/a.txt/", "//etc/passwd", "/%2fetc%2fpasswd", "/a.txt%00"}) {
            int status = w.admin("GET", base + path).status;
            CPPUNIT_ASSERT_MESSAGE(path + std::to_string(status), status == 404 || status == 400);
        }
    }

    void socketsFitBelowTmpdir() {
        World w;
        // As deep as Chromium's.
        std::string job =
            w.createJob({"cd / && mkdir $TMPDIR/.org.chromium.Chromium.XXXXXX && python3 -c \"import "
                         "socket; socket.socket(socket.AF_UNIX).bind('$TMPDIR/"
                         ".org.chromium.Chromium.XXXXXX/SingletonSocket')\" && echo $TMPDIR"});
        Json run = w.finished(start(w, job, w.createKey(job).key));
        std::string log = w.admin("GET", "/api/runs/" + run["id"].get<std::string>() + "/log").body;
        CPPUNIT_ASSERT_EQUAL_MESSAGE(log, std::string("passed"), run["status"].get<std::string>());
        CPPUNIT_ASSERT_MESSAGE(log, !std::filesystem::is_symlink(std::string(trim(log))));
    }

    void rerunMakesANewRun() {
        World w;
        std::string job = w.createJob({"echo again"});
        auto key = w.createKey(job);
        std::string run = start(w, job, key.key);
        w.finished(run);
        Answer rerun = w.admin("POST", "/api/runs/" + run + "/rerun");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(rerun.body, 202, rerun.status);
        Json second = w.finished(rerun.json()["data"]["runId"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("rerun"), second["trigger"].get<std::string>());
        CPPUNIT_ASSERT(second["id"] != run);
    }

    void nothingAcknowledgedIsLostByKill9() {
        World w;
        std::string job = w.createJob({"echo ran >> $TMPDIR/x; sleep 0.02"}, {{"maxConcurrency", 4}});
        auto key = w.createKey(job, {{"rateLimit", nullptr}});
        std::string token = w.token();
        std::mutex mutex;
        std::vector<std::string> acknowledged; // the judge: what a client was told, kept outside the daemon
        std::atomic<bool> stop{false};
        std::thread client([&] {
            Http http(w.port());
            while (!stop) {
                Answer a = http.request("POST", "/api/jobs/" + job + "/trigger", {{"X-Api-Key", key.key}});
                if (a.status == 202) {
                    std::lock_guard lock(mutex);
                    acknowledged.push_back(a.json()["data"]["runId"].get<std::string>());
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            }
        });
        for (int round = 0; round < 5; ++round) {
            std::this_thread::sleep_for(std::chrono::milliseconds(300 + 130 * round));
            w.kill9();
            w.start();
        }
        stop = true;
        client.join();
        CPPUNIT_ASSERT(acknowledged.size() > 20);
        for (const std::string& id : acknowledged) {
            Json run = w.finished(id, 60);
            std::string status = run["status"].get<std::string>();
            CPPUNIT_ASSERT_MESSAGE(toText(run), status == "passed" || status == "lost");
            CPPUNIT_ASSERT_EQUAL(1, run["attempt"].get<int>());
            CPPUNIT_ASSERT_EQUAL_MESSAGE("a leader outlives the daemon: " + toText(run),
                                         std::string("passed"), status);
        }
    }

    void aRunGoesOnWhileTheDaemonRestarts() {
        World w;
        std::string job = w.createJob({"echo before; sleep 3; echo after; exit 5"});
        auto key = w.createKey(job);
        std::string run = start(w, job, key.key);
        awaitStatus(w, run, "running");
        w.signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, w.wait());
        w.start();
        Json ended = w.finished(run);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), ended["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(5, ended["tests"][0]["exitCode"].get<int>());
        CPPUNIT_ASSERT_EQUAL(1, ended["attempt"].get<int>());
        CPPUNIT_ASSERT_EQUAL(std::string("before\nafter\n"),
                             w.admin("GET", "/api/runs/" + run + "/log").body);
    }

    void aSecondDaemonRefusesToStart() {
        World w;
        std::string command = USHER_TEST_BIN "/usherd --config " + w.folder() + "/usherd.conf > " +
                              w.folder() + "/second.log 2>&1";
        CPPUNIT_ASSERT(std::system(command.c_str()) != 0);
        std::string said = readFile(w.folder() + "/second.log").value_or("");
        CPPUNIT_ASSERT_MESSAGE(said, said.find("another usherd works on") != std::string::npos);
        // The same port with a folder of its own.
        std::string config = readFile(w.folder() + "/usherd.conf").value_or("");
        std::size_t at = config.find("/state\n");
        config.replace(at, 6, "/other");
        std::ofstream(w.folder() + "/other.conf") << config;
        command = USHER_TEST_BIN "/usherd --config " + w.folder() + "/other.conf > " + w.folder() +
                  "/third.log 2>&1";
        CPPUNIT_ASSERT(std::system(command.c_str()) != 0);
        said = readFile(w.folder() + "/third.log").value_or("");
        CPPUNIT_ASSERT_MESSAGE(said, said.find(std::to_string(w.port())) != std::string::npos);
        CPPUNIT_ASSERT_EQUAL(200, Http(w.port()).request("GET", "/healthz").status);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RunsContractTest);
