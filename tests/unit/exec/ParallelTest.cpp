#include "unit/exec/ExecFixture.h"

#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

#include <csignal>
#include <set>

using namespace usher;
using namespace usher::test;

/// Several tests of one run in flight: all that holds for one holds for each of them.
class ParallelTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ParallelTest);
    CPPUNIT_TEST(testsRunAtTheSameTimeAndAreReportedInOrder);
    CPPUNIT_TEST(neverMoreAtOnceThanTheJobSays);
    CPPUNIT_TEST(eachHasAUserOfItsOwnAndTheFolderOfTheRun);
    CPPUNIT_TEST(oneUidMeansOneAfterTheOther);
    CPPUNIT_TEST(whatOneLeavesBehindDiesWithItAndNothingElseDoes);
    CPPUNIT_TEST(whoKillsItsKeeperFailsAloneAndLeavesNothing);
    CPPUNIT_TEST(cancelReachesAllOfThem);
    CPPUNIT_TEST(aTimeoutReachesAllOfThem);
    CPPUNIT_TEST(termReachesTheGroupAndWaitsForIt);
    CPPUNIT_TEST(aRestartedDaemonFindsThemAll);
    CPPUNIT_TEST(aKilledLeaderTakesThemAllAlong);
    CPPUNIT_TEST(artifactsAndVerdictsAreKeptApart);
    CPPUNIT_TEST(aMissingInterpreterStopsNobodyElse);
    CPPUNIT_TEST(withoutASandboxItIsTheSame);
    CPPUNIT_TEST_SUITE_END();

    static ClaimedRun parallel(const Host& host, int atOnce, std::vector<std::string> scripts) {
        ClaimedRun job = host.job(std::move(scripts));
        job.parallelism = atOnce;
        return job;
    }
    static bool sleeps(const std::string& seconds) {
        return !processesWith("sleep" + std::string(1, '\0') + seconds).empty();
    }
    static std::string waitFor(const std::string& file) {
        return "n=0; while ! [ -e " + file +
               " ]; do sleep 0.02; n=$((n+1)); [ $n -lt 1000 ] || exit 9; done; ";
    }
    static std::string escape(const std::string& seconds) {
        return "(setsid sh -c 'setsid sleep " + seconds + " </dev/null >/dev/null 2>&1 & exit 0' &) ; ";
    }

    void atTheSameTime(Host& host) {
        // Each waits for the next: only when all run can any end, and the last ends first.
        ClaimedRun job = parallel(
            host, 3, {waitFor("b") + "echo one", waitFor("c") + "echo two; touch b", "echo three; touch c"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::passed);
        for (int i = 0; i < 3; ++i)
            CPPUNIT_ASSERT_EQUAL(i, outcome.tests.at(static_cast<std::size_t>(i)).position);
        CPPUNIT_ASSERT_EQUAL(std::string("one\n"), host.log(job.runId, 0));
        CPPUNIT_ASSERT_EQUAL(std::string("two\n"), host.log(job.runId, 1));
        CPPUNIT_ASSERT_EQUAL(std::string("three\n"), host.log(job.runId, 2));
    }
    void testsRunAtTheSameTimeAndAreReportedInOrder() {
        Host host;
        atTheSameTime(host);
    }
    void withoutASandboxItIsTheSame() {
        Host host("cancel_grace_seconds = 0\n", "none");
        atTheSameTime(host);
        ClaimedRun job = parallel(host, 2, {escape("86430") + "exit 0", waitFor("go") + "exit 0"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] {
            auto changes = host.listener.changes(job.runId);
            return !changes.empty() && changes.back().position == 0 &&
                   changes.back().status == TestStatus::passed;
        }));
        CPPUNIT_ASSERT(!sleeps("86430"));
        host.executor->cancel(job.runId);
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT(outcome.status == RunStatus::cancelled);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::passed);
        CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::cancelled);
    }
    void neverMoreAtOnceThanTheJobSays() {
        Host host;
        // A test in flight has a folder; a third one would be seen.
        const std::string count = "mkdir here-$$; sleep 0.05; n=$(ls -d here-* | wc -l); rmdir here-$$; "
                                  "echo $n; [ $n -le 2 ]";
        ClaimedRun job = parallel(host, 2, {count, count, count, count, count, count});
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        bool two = false;
        for (int i = 0; i < 6; ++i) two = two || host.log(job.runId, i) == "2\n";
        CPPUNIT_ASSERT(two);
    }
    void eachHasAUserOfItsOwnAndTheFolderOfTheRun() {
        if (!isRoot()) return;
        Host host;
        // They see each other's files, and cannot remove them.
        const std::string script = "id -u; id -g; touch mine-$(id -u); "
                                   "while [ $(ls | grep -c mine-) -lt 3 ]; do sleep 0.02; done; "
                                   "for f in mine-*; do [ -O $f ] || ! rm -f $f 2>/dev/null || exit 7; done";
        ClaimedRun job = parallel(host, 3, {script, script, script});
        job.timeoutSeconds = 20;
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        std::set<std::string> users;
        for (int i = 0; i < 3; ++i) {
            auto lines = split(host.log(job.runId, i), '\n');
            CPPUNIT_ASSERT_EQUAL(lines.at(0), lines.at(1));
            users.insert(lines.at(0));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, users.size());
    }
    void oneUidMeansOneAfterTheOther() {
        if (!isRoot()) return;
        Host host("uid_range = 59500-59500\n");
        const std::string alone = "mkdir only && sleep 0.05 && rmdir only";
        CPPUNIT_ASSERT(host.run(parallel(host, 3, {alone, alone, alone})).status == RunStatus::passed);
    }
    void whatOneLeavesBehindDiesWithItAndNothingElseDoes() {
        Host host;
        ClaimedRun job = parallel(host, 2,
                                  {escape("86431") + "sleep 0.1; exit 0",
                                   "sleep 86432 & p=$!; " + waitFor("go") + "kill -0 $p && echo alive"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] {
            auto changes = host.listener.changes(job.runId);
            return !changes.empty() && changes.back().position == 0 &&
                   changes.back().status == TestStatus::passed;
        }));
        CPPUNIT_ASSERT(!sleeps("86431"));
        CPPUNIT_ASSERT(sleeps("86432"));
        host.letGo(job);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string("alive\n"), host.log(job.runId, 1));
        CPPUNIT_ASSERT(!sleeps("86432"));
    }
    void whoKillsItsKeeperFailsAloneAndLeavesNothing() {
        Host host;
        ClaimedRun job = parallel(
            host, 2, {"setsid sleep 86433 & sleep 0.05; kill -9 $PPID; sleep 86434", "sleep 0.5; echo well"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(SIGKILL, outcome.tests.at(0).signal.value());
        CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::passed);
        CPPUNIT_ASSERT(!sleeps("86433") && !sleeps("86434"));
    }
    void endAll(bool byCancel) {
        Host host("cancel_grace_seconds = 0\n");
        for (int i = 0; i < 8; ++i) {
            const std::string hold = escape("86435") + "trap '' TERM; echo up; sleep 86436; sleep 86436";
            ClaimedRun job = parallel(host, 3, {hold, hold, hold, "echo never"});
            if (!byCancel) job.timeoutSeconds = 1;
            host.executor->start(job);
            if (byCancel) {
                CPPUNIT_ASSERT(eventually([&] {
                    for (int t = 0; t < 3; ++t)
                        if (host.log(job.runId, t) != "up\n") return false;
                    return sleeps("86435") && sleeps("86436");
                }));
                host.executor->cancel(job.runId);
            }
            RunOutcome outcome = host.listener.waitFinished(job.runId);
            CPPUNIT_ASSERT(outcome.status == (byCancel ? RunStatus::cancelled : RunStatus::timeout));
            for (std::size_t t = 0; t < 3; ++t)
                CPPUNIT_ASSERT(outcome.tests.at(t).status ==
                               (byCancel ? TestStatus::cancelled : TestStatus::timeout));
            CPPUNIT_ASSERT(outcome.tests.at(3).status == TestStatus::skipped);
            CPPUNIT_ASSERT(!sleeps("86435") && !sleeps("86436"));
            if (!byCancel && i == 1) break;
        }
    }
    void cancelReachesAllOfThem() { endAll(true); }
    void aTimeoutReachesAllOfThem() { endAll(false); }
    void termReachesTheGroupAndWaitsForIt() {
        Host host;
        const std::string script = "trap 'echo cleaning; sleep 0.3; echo cleaned; exit 5' TERM; echo up; "
                                   "while :; do sleep 0.05; done";
        ClaimedRun job = parallel(host, 2, {script, script});
        host.executor->start(job);
        CPPUNIT_ASSERT(
            eventually([&] { return host.log(job.runId, 0) == "up\n" && host.log(job.runId, 1) == "up\n"; }));
        host.executor->cancel(job.runId);
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        for (std::size_t i = 0; i < 2; ++i) {
            CPPUNIT_ASSERT(outcome.tests.at(i).status == TestStatus::cancelled);
            CPPUNIT_ASSERT_EQUAL(5, outcome.tests.at(i).exitCode.value());
            CPPUNIT_ASSERT(host.log(job.runId, static_cast<int>(i)).find("cleaned\n") != std::string::npos);
        }
    }
    void aRestartedDaemonFindsThemAll() {
        Host host;
        ClaimedRun job = parallel(host, 2, {"echo a; " + waitFor("go") + "echo b", waitFor("go") + "exit 3"});
        host.executor->start(job);
        host.listener.waitStarted(job.runId);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId, 0) == "a\n"; }));
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        host.letGo(job);
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::passed);
        CPPUNIT_ASSERT_EQUAL(3, outcome.tests.at(1).exitCode.value());
        CPPUNIT_ASSERT_EQUAL(3, outcome.exitCode.value());
        CPPUNIT_ASSERT_EQUAL(std::string("a\nb\n"), host.log(job.runId, 0));
    }
    void aKilledLeaderTakesThemAllAlong() {
        Host host;
        const std::string hold = escape("86437") + "sleep 86438";
        ClaimedRun job = parallel(host, 3, {hold, hold, hold});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return sleeps("86437") && sleeps("86438"); }));
        ::kill(host.leaderOf(job), SIGKILL);
        host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT(eventually([&] { return !sleeps("86437") && !sleeps("86438"); }));
    }
    void artifactsAndVerdictsAreKeptApart() {
        Host host;
        auto script = [](const std::string& name, int code) {
            return "echo " + name + " > $USHER_ARTIFACTS/" + name + ".txt; echo " + name +
                   " > $USHER_ARTIFACTS/same.txt; echo '<testsuite><testcase name=\"" + name +
                   "\"/></testsuite>' > $USHER_RESULTS/r.xml; exit " + std::to_string(code);
        };
        ClaimedRun job = parallel(host, 3, {script("a", 0), script("b", 4), script("c", 0)});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(4, outcome.exitCode.value());
        const std::string names[] = {"a", "b", "c"};
        for (std::size_t i = 0; i < 3; ++i)
            CPPUNIT_ASSERT_MESSAGE(outcome.tests.at(i).casesJson,
                                   outcome.tests.at(i).casesJson.find("\"" + names[i] + "\"") !=
                                       std::string::npos);
        std::set<std::string> paths;
        for (const auto& artifact : host.files->listArtifacts(job.runId, 1)) paths.insert(artifact.path);
        for (const std::string& name : names) CPPUNIT_ASSERT(paths.count(name + ".txt"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{6}, paths.size());
    }
    void aMissingInterpreterStopsNobodyElse() {
        Host host("interpreter.gone = /no/such/program {script}\n");
        ClaimedRun job = parallel(host, 2, {"echo a", "echo b", "echo c"});
        job.tests.at(0).type = "gone";
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::error);
        CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::passed);
        CPPUNIT_ASSERT(outcome.tests.at(2).status == TestStatus::passed);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ParallelTest);
