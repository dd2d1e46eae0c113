#include "base/Text.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <csignal>
#include <filesystem>
#include <set>

using namespace usher;
using namespace usher::test;

/// What a run's tests see, how they are judged, and what is kept of them.
class RunTestsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RunTestsTest);
    CPPUNIT_TEST(exitCodesDecide);
    CPPUNIT_TEST(aSignalIsKeptBesideTheVerdict);
    CPPUNIT_TEST(testsRunInOrderAndAllOfThem);
    CPPUNIT_TEST(aMissingInterpreterIsAnErrorThatNamesIt);
    CPPUNIT_TEST(exit127OfTheScriptItselfIsAFailure);
    CPPUNIT_TEST(anUnknownTypeIsAnErrorThatNamesTheKey);
    CPPUNIT_TEST(base64ScriptsAreDecodedOnlyWhenTheyDidNotComePlain);
    CPPUNIT_TEST(pythonAndNodeScriptsHaveTheirExtensions);
    CPPUNIT_TEST(theEnvironmentIsExactlyWhatIsPromised);
    CPPUNIT_TEST(aParameterCannotReplaceWhatTheSystemSays);
    CPPUNIT_TEST(folderUmaskAndDescriptors);
    CPPUNIT_TEST(outputOfBothStreamsStandsInOrderOfArrival);
    CPPUNIT_TEST(aScriptMayOpenItsStreamsAgain);
    CPPUNIT_TEST(testsOfARunShareAFolderRunsDoNot);
    CPPUNIT_TEST(aRunThatSaysNothingLeavesTwoFiles);
    CPPUNIT_TEST(concurrentRunsHaveDifferentUsers);
    CPPUNIT_TEST(aRunWithoutTestsIsAnError);
    CPPUNIT_TEST(theListenerHearsEveryStep);
    CPPUNIT_TEST(execRunsOnlyWhatIsOnTheList);
    CPPUNIT_TEST(aKeptBoxShowsNothingOfTheLastRun);
    CPPUNIT_TEST(nothingOfTheWorkFolderStays);
    CPPUNIT_TEST_SUITE_END();

    void exitCodesDecide() {
        Host host;
        RunOutcome good = host.run("exit 0"), bad = host.run("exit 3");
        CPPUNIT_ASSERT(good.status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(0, good.exitCode.value());
        CPPUNIT_ASSERT(good.tests.at(0).status == TestStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, good.leaseEpoch);
        CPPUNIT_ASSERT(good.completedAt >= good.startedAt && good.startedAt > 0);
        CPPUNIT_ASSERT(good.completedAt >= good.tests[0].completedAt.value());
        CPPUNIT_ASSERT(good.tests[0].startedAt.value() >= good.startedAt);
        CPPUNIT_ASSERT(bad.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(3, bad.exitCode.value());
        CPPUNIT_ASSERT(!bad.signal);
    }
    void aSignalIsKeptBesideTheVerdict() {
        Host host;
        RunOutcome outcome = host.run("kill -SEGV $$");
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(SIGSEGV, outcome.signal.value());
        CPPUNIT_ASSERT(!outcome.exitCode);
    }
    void testsRunInOrderAndAllOfThem() {
        Host host;
        ClaimedRun job =
            host.job({"echo 0 >> order", "echo 1 >> order; exit 9", "echo 2 >> order; cat order"});
        std::swap(job.tests[0], job.tests[2]); // the position counts, not the place in the list
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(9, outcome.exitCode.value());
        CPPUNIT_ASSERT_EQUAL(std::string("0\n1\n2\n"), host.log(job.runId, 2));
        CPPUNIT_ASSERT(outcome.tests.at(1).status == TestStatus::failed && outcome.tests.at(1).position == 1);
        CPPUNIT_ASSERT(outcome.tests.at(2).status == TestStatus::passed);
    }
    void aMissingInterpreterIsAnErrorThatNamesIt() {
        Host host(
            "interpreter.python = /nonexistent/python9 {script}\ninterpreter.k6 = no-such-k6 run {script}\n");
        RunOutcome outcome = host.run(host.job({"print(1)"}, "python"));
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT_EQUAL(std::string("interpreter not installed: /nonexistent/python9"),
                             outcome.errorDetails);
        outcome = host.run(host.job({"x"}, "performance"));
        CPPUNIT_ASSERT_EQUAL(std::string("interpreter not installed: no-such-k6"),
                             outcome.tests.at(0).errorDetails);
        CPPUNIT_ASSERT(outcome.tests.at(0).status == TestStatus::error);
    }
    void exit127OfTheScriptItselfIsAFailure() {
        Host host;
        RunOutcome outcome = host.run("no-such-command-at-all");
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(127, outcome.exitCode.value());
    }
    void anUnknownTypeIsAnErrorThatNamesTheKey() {
        Host host;
        RunOutcome outcome = host.run(host.job({"x"}, "cobol"));
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT_EQUAL(
            std::string("no interpreter for tests of type 'cobol': [exec] interpreter.cobol is not set"),
            outcome.errorDetails);
    }
    void base64ScriptsAreDecodedOnlyWhenTheyDidNotComePlain() {
        Host host;
        ClaimedRun job =
            host.job({toBase64("echo decoded\n"), "echo not base64", toBase64("echo decoded\n")});
        job.tests[0].plainScript = job.tests[1].plainScript = false;
        host.run(job);
        CPPUNIT_ASSERT_EQUAL(std::string("decoded\n"), host.log(job.runId, 0));
        CPPUNIT_ASSERT_EQUAL(std::string("not base64\n"), host.log(job.runId, 1));
        CPPUNIT_ASSERT_EQUAL(std::string(), host.log(job.runId, 2)); // to a shell it is an assignment
    }
    void pythonAndNodeScriptsHaveTheirExtensions() {
        Host host("interpreter.python = /bin/echo {script}\ninterpreter.node = /bin/echo {script}\n"
                  "interpreter.playwright = /bin/echo {script}\n");
        auto nameOf = [&](const char* type) {
            ClaimedRun job = host.job({"x"}, type);
            host.run(job);
            std::string path = host.log(job.runId);
            return path.substr(path.rfind('/') + 1);
        };
        CPPUNIT_ASSERT_EQUAL(std::string("test-0.py\n"), nameOf("python"));
        CPPUNIT_ASSERT_EQUAL(std::string("test-0.js\n"), nameOf("node"));
        CPPUNIT_ASSERT_EQUAL(std::string("test-0.spec.js\n"), nameOf("browser"));
    }
    void theEnvironmentIsExactlyWhatIsPromised() {
        ::setenv("USHER_CANARY", "secret", 1);
        Host host("interpreter.shell = /usr/bin/env\n");
        ClaimedRun job = host.job({"x"});
        job.parameters = {{"BRANCH", "main = 1"}, {"EMPTY", ""}};
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        std::string box = host.attemptPath(job) + "/box";
        std::set<std::string> expected = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "HOME=" + box + "/work",
                                          "LANG=C.UTF-8",
                                          "USHER_RUN_ID=" + job.runId,
                                          "USHER_JOB_ID=" + job.jobId,
                                          "USHER_TEST_ID=" + job.tests[0].testId,
                                          "USHER_ATTEMPT=1",
                                          "USHER_ARTIFACTS=" + box + "/artifacts-0",
                                          "USHER_RESULTS=" + box + "/results-0",
                                          "BRANCH=main = 1",
                                          "EMPTY="};
        std::string text = host.log(job.runId);
        std::set<std::string> seen;
        for (const std::string& line : split(text.substr(0, text.size() - 1), '\n')) seen.insert(line);
        for (const std::string& line : expected) CPPUNIT_ASSERT_MESSAGE(line, seen.count(line));
        // The one that is short, so that a socket fits below it.
        std::erase_if(seen, [&](const std::string& line) { return line.starts_with("TMPDIR="); });
        const std::string temporary = "\nTMPDIR=" + host.attemptPath(job);
        CPPUNIT_ASSERT_MESSAGE(text, text.find("TMPDIR=/") != std::string::npos &&
                                         text.find(temporary) == std::string::npos);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(text, expected.size(), seen.size());
    }
    void aParameterCannotReplaceWhatTheSystemSays() {
        Host host;
        ClaimedRun job = host.job({"echo $USHER_RUN_ID $PATH"});
        job.parameters = {{"USHER_RUN_ID", "other"}, {"PATH", "/evil"}};
        host.run(job);
        CPPUNIT_ASSERT_EQUAL(job.runId + " /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
                             host.log(job.runId));
    }
    void folderUmaskAndDescriptors() {
        Host host;
        ClaimedRun job =
            host.job({"pwd; umask; ls -l /proc/self/fd | grep -c -- '->'; readlink /proc/self/fd/0; "
                      "grep -E 'NoNewPrivs|CapEff|SigBlk|SigIgn' /proc/self/status; ulimit -c"});
        host.run(job);
        // ls has its own descriptor on the folder: 0, 1, 2 and that one.
        CPPUNIT_ASSERT_EQUAL(host.attemptPath(job) +
                                 "/box/work\n0077\n4\n/dev/null\nSigBlk:\t0000000000000000\n"
                                 "SigIgn:\t0000000000000000\nCapEff:\t0000000000000000\n"
                                 "NoNewPrivs:\t1\n0\n",
                             host.log(job.runId));
    }
    void outputOfBothStreamsStandsInOrderOfArrival() {
        Host host;
        ClaimedRun job = host.job({"for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"});
        RunOutcome outcome = host.run(job);
        std::string expected;
        for (int i = 1; i < 10; ++i)
            expected += "out " + std::to_string(i) + "\nerr " + std::to_string(i) + "\n";
        CPPUNIT_ASSERT_EQUAL(expected, host.log(job.runId));
        CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(expected.size()), outcome.tests.at(0).outputBytes);
        CPPUNIT_ASSERT(!outcome.tests.at(0).truncated);
    }
    void aScriptMayOpenItsStreamsAgain() {
        Host host;
        ClaimedRun job = host.job({"echo a > /dev/stdout; echo b > /dev/stderr; echo c > /proc/self/fd/1"});
        host.run(job);
        CPPUNIT_ASSERT_EQUAL(std::string("a\nb\nc\n"), host.log(job.runId));
    }
    /// Making a file costs more than all else that is kept of a short run.
    void aRunThatSaysNothingLeavesTwoFiles() {
        Host host;
        const ClaimedRun silent = host.job({"true"}), loud = host.job({"echo here"});
        CPPUNIT_ASSERT(host.run(silent).status == RunStatus::passed);
        CPPUNIT_ASSERT(host.run(loud).status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string(), host.log(silent.runId));
        auto files = [&](const ClaimedRun& job) {
            std::set<std::string> names;
            for (const auto& entry : std::filesystem::directory_iterator(host.attemptPath(job)))
                names.insert(entry.path().filename());
            names.erase("box"); // until its leader is gone
            return names;
        };
        CPPUNIT_ASSERT(files(silent) == std::set<std::string>({"journal"}));
        CPPUNIT_ASSERT(files(loud) == std::set<std::string>({"journal", "test-0.log"}));
    }
    void testsOfARunShareAFolderRunsDoNot() {
        Host host;
        ClaimedRun job = host.job({"echo kept > file", "cat file; rm test-1.sh 2>&1 | grep -c denied; ls"});
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        std::string log = host.log(job.runId, 1);
        CPPUNIT_ASSERT_EQUAL(std::string("kept\n"), log.substr(0, 5));
        ClaimedRun spy = host.job({"cat " + host.root + "/runs/" + job.runId + "/attempt-1/journal " +
                                   host.attemptPath(job) + "/test-0.log; ls " + host.root + "/runs"});
        if (!isRoot()) return;
        host.run(spy);
        std::string seen = host.log(spy.runId);
        CPPUNIT_ASSERT_MESSAGE(seen, seen.find("kept") == std::string::npos &&
                                         seen.find("testId") == std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(seen, std::count(seen.begin(), seen.end(), '\n') == 3);
    }
    void concurrentRunsHaveDifferentUsers() {
        if (!isRoot()) return;
        Host host;
        // Each waits until the other is there, so that both run at once.
        std::vector<ClaimedRun> jobs;
        for (int i = 0; i < 2; ++i)
            jobs.push_back(host.job({"id -u; id -g; id -G; sleep 1; kill -9 -1; sleep 5"}));
        for (const ClaimedRun& job : jobs) host.executor->start(job);
        std::set<std::string> users;
        for (const ClaimedRun& job : jobs) {
            RunOutcome outcome = host.listener.waitFinished(job.runId);
            CPPUNIT_ASSERT_EQUAL(std::string("basic (uid, rlimits, memory sampled; no cgroup)"),
                                 outcome.sandbox);
            std::vector<std::string> lines = split(host.log(job.runId), '\n');
            CPPUNIT_ASSERT_EQUAL(lines.at(0), lines.at(1));
            CPPUNIT_ASSERT_EQUAL(lines.at(0), lines.at(2));
            CPPUNIT_ASSERT(*parseInteger(lines.at(0)) >= 59000 && *parseInteger(lines.at(0)) <= 59999);
            users.insert(lines.at(0));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, users.size());
    }
    void aRunWithoutTestsIsAnError() {
        Host host;
        RunOutcome outcome = host.run(host.job({}));
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT_EQUAL(std::string("the run has no tests"), outcome.errorDetails);
    }
    void theListenerHearsEveryStep() {
        Host host;
        ClaimedRun job = host.job({"true", "false"});
        host.run(job);
        std::string steps;
        for (const RunTest& test : host.listener.changes(job.runId))
            steps += std::to_string(test.position) + " " + std::string(toText(test.status)) + "; ";
        CPPUNIT_ASSERT_EQUAL(std::string("0 running; 0 passed; 1 running; 1 failed; "), steps);
        CPPUNIT_ASSERT_EQUAL(host.executor->sandbox(), host.listener.sandboxOf(job.runId));
        CPPUNIT_ASSERT_EQUAL(1, host.listener.finishes(job.runId));
    }
    void execRunsOnlyWhatIsOnTheList() {
        Host host("exec_allow = /bin/echo /bin/true\n");
        ClaimedRun job = host.job({"/bin/echo a  b", "/bin/sh -c id"}, "exec");
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_EQUAL(std::string("a b\n"), host.log(job.runId, 0));
        CPPUNIT_ASSERT_EQUAL(std::string("exec: /bin/sh is not on the list [exec] exec_allow"),
                             outcome.tests.at(1).errorDetails);
    }
    void aKeptBoxShowsNothingOfTheLastRun() {
        if (!isRoot()) return;
        Host host("uid_range = 59600-59600\n");
        const std::string script = "stat -c %i . $TMPDIR/. $USHER_ARTIFACTS $USHER_RESULTS; "
                                   "ls -A | grep -v test-0.sh; ls -A $TMPDIR $USHER_ARTIFACTS | grep -v :; "
                                   "mkdir -p a/b $TMPDIR/c; touch a/b/x $TMPDIR/c/y; chmod 0 a/b; exit 0";
        std::set<std::string> seen;
        for (int i = 0; i < 3; ++i) {
            ClaimedRun job = host.job({script});
            CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
            CPPUNIT_ASSERT(
                eventually([&] { return ::access((host.root + "/runs/spare-59600").c_str(), F_OK) == 0; }));
            CPPUNIT_ASSERT(::access((host.attemptPath(job) + "/box").c_str(), F_OK) != 0);
            std::string log = host.log(job.runId);
            seen.insert(log);
        }
        // The same four folders each time, and nothing in them.
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seen.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, split(trim(*seen.begin()), '\n').size());
    }
    void nothingOfTheWorkFolderStays() {
        Host host;
        ClaimedRun job = host.job({"mkdir -p a/b/c d; echo x > a/b/c/file; ln -s /etc a/link; chmod 0 a/b; "
                                   "echo y > $HOME/z; mkdir $TMPDIR/t; chmod 500 d"});
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        CPPUNIT_ASSERT(
            eventually([&] { return ::access((host.attemptPath(job) + "/box").c_str(), F_OK) != 0; }));
        CPPUNIT_ASSERT(::access("/etc/passwd", F_OK) == 0);
        host.files->remove(job.runId);
        CPPUNIT_ASSERT(::access((host.root + "/runs/" + job.runId).c_str(), F_OK) != 0);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RunTestsTest);
