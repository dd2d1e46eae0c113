#include "exec/Privileges.h"
#include "exec/ProcessTable.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iostream>

using namespace usher;
using namespace usher::test;

/// Daemons, launchers and leaders that die, and what the next one finds.
class RecoveryTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RecoveryTest);
    CPPUNIT_TEST(aKilledDaemonsRunIsFoundAgain);
    CPPUNIT_TEST(aRunThatEndedMeanwhileIsFoundByItsResult);
    CPPUNIT_TEST(whatNeverStartedIsSaidSo);
    CPPUNIT_TEST(afterAnotherBootNothingPassesForNeverStarted);
    CPPUNIT_TEST(whatAKilledRunLeftIsNotSeenByTheNextOfItsUser);
    CPPUNIT_TEST(aKilledLeaderIsGoneAndItsTestsToo);
    CPPUNIT_TEST(aLeaderThatDiesUnderTheDaemonVanishes);
    CPPUNIT_TEST(startingTheSameAttemptTwiceRunsItOnce);
    CPPUNIT_TEST(theNextAttemptIsLedBesideTheOneBefore);
    CPPUNIT_TEST(aSecondDaemonsStartFollowsTheFirstLeader);
    CPPUNIT_TEST(aKilledLauncherComesBackAndRunsGoOn);
    CPPUNIT_TEST(aLauncherThatCannotServeIsTold);
    CPPUNIT_TEST(cancelReachesARecoveredRun);
    CPPUNIT_TEST(uidsAreUsedAgainWhenFewAreThere);
    CPPUNIT_TEST(aWrongConfigurationIsToldAtOnce);
    CPPUNIT_TEST(nobodyHasTheUidOfATest);
    CPPUNIT_TEST(whatDecidesAboutUidsBelongsToRoot);
    CPPUNIT_TEST(aFolderThatTestsCannotEnterIsRefused);
    CPPUNIT_TEST(anUnprivilegedDaemonRunsTestsThroughAPrivilegedLauncher);
    CPPUNIT_TEST(anotherUserThanRootCanRunWithoutASandbox);
    CPPUNIT_TEST_SUITE_END();

    static bool alive(const std::string& seconds) {
        return !processesWith("sleep" + std::string(1, '\0') + seconds).empty();
    }

    /// Starts the job from another process and kills that with -9 as soon as the job's first test runs.
    static void startAndDie(Host& host, const ClaimedRun& job, bool launcherToo = false) {
        host.stop();
        pid_t daemon = ::fork();
        if (daemon == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            RecordingListener listener;
            SystemClock clock;
            LeaderProcess executor(host.settings(), listener, clock);
            executor.start(job);
            ::pause();
        }
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId).substr(0, 3) == "up\n"; }));
        pid_t leader = host.leaderOf(job);
        if (launcherToo)
            for (pid_t pid : processesWith("usher-launcher"))
                if (auto line = read("/proc/" + std::to_string(pid) + "/cmdline");
                    line.find(host.root) != std::string::npos)
                    ::kill(pid, SIGKILL);
        ::kill(daemon, SIGKILL);
        ::waitpid(daemon, nullptr, 0);
        CPPUNIT_ASSERT(findProcess(leader) && !findProcess(leader)->dead);
    }

    void aKilledDaemonsRunIsFoundAgain() {
        for (bool launcherToo : {false, true}) {
            Host host;
            ClaimedRun job =
                host.job({"echo up; while ! test -e go; do sleep 0.05; done; echo end", "echo second"});
            startAndDie(host, job, launcherToo);
            host.restart();
            CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
            host.listener.waitStarted(job.runId);
            CPPUNIT_ASSERT_EQUAL(0, host.listener.finishes(job.runId));
            host.letGo(job);
            RunOutcome outcome = host.listener.waitFinished(job.runId);
            CPPUNIT_ASSERT(outcome.status == RunStatus::passed);
            CPPUNIT_ASSERT_EQUAL(std::string("up\nend\n"), host.log(job.runId));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, outcome.leaseEpoch);
        }
    }
    void aRunThatEndedMeanwhileIsFoundByItsResult() {
        Host host;
        ClaimedRun job = host.job({"echo up; sleep 0.3; exit 6"});
        startAndDie(host, job);
        CPPUNIT_ASSERT(eventually([&] { return host.hasResult(job); }));
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        RunOutcome outcome = host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        CPPUNIT_ASSERT_EQUAL(6, outcome.exitCode.value());
    }
    void whatNeverStartedIsSaidSo() {
        Host host;
        ClaimedRun job = host.job({"true"});
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::neverStarted);
        CPPUNIT_ASSERT(host.run(job).status == RunStatus::passed);
        ClaimedRun next = job;
        next.attempt = 2;
        CPPUNIT_ASSERT(host.executor->recover(next) == Executor::Recovery::neverStarted);
        ClaimedRun bad = job;
        bad.runId = "../../etc";
        CPPUNIT_ASSERT(host.executor->recover(bad) == Executor::Recovery::neverStarted);
    }
    /// Leaders do not wait for the disk before they start: after a power cut an attempt's folder may be
    /// missing.
    void afterAnotherBootNothingPassesForNeverStarted() {
        Host host;
        ClaimedRun job = host.job({"true"});
        host.stop();
        std::ofstream(host.root + "/runs/boot-id") << "2f1f0d3a-0000-4000-8000-000000000000";
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::gone);
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::neverStarted);
    }
    void whatAKilledRunLeftIsNotSeenByTheNextOfItsUser() {
        if (!isRoot()) return;
        Host host("uid_range = 59600-59600\n");
        ClaimedRun job = host.job(
            {"mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/c left; chmod 0 $TMPDIR/a/b; echo up; sleep 86415"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        ::kill(host.leaderOf(job), SIGKILL);
        host.listener.waitVanished(job.runId);
        ClaimedRun next = host.job({"echo up; ls -A $TMPDIR . | grep -v -e test-0.sh -e : ; echo $TMPDIR"});
        CPPUNIT_ASSERT(host.run(next).status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL("up\n\n" + host.root + "/runs/u59600/tmp\n", host.log(next.runId));
    }
    void aKilledLeaderIsGoneAndItsTestsToo() {
        for (const char* sandbox : {"basic", "none"}) {
            if (!isRoot() && std::string(sandbox) == "basic") continue;
            Host host("", sandbox);
            ClaimedRun job = host.job({"echo up; setsid sleep 86411 & sleep 86412"});
            ClaimedRun other = host.job({"echo up; sleep 86418"});
            startAndDie(host, other);
            startAndDie(host, job);
            ::kill(host.leaderOf(job), SIGKILL);
            host.restart();
            CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::gone);
            // A new launcher ends what an unwatched leader left behind, and nothing else.
            CPPUNIT_ASSERT(eventually([&] { return !alive("86411") && !alive("86412"); }));
            CPPUNIT_ASSERT(host.executor->recover(other) == Executor::Recovery::attached);
            CPPUNIT_ASSERT(alive("86418"));
            host.executor->cancel(other.runId);
            CPPUNIT_ASSERT(host.listener.waitFinished(other.runId).status == RunStatus::cancelled);
        }
    }
    void aLeaderThatDiesUnderTheDaemonVanishes() {
        Host host;
        ClaimedRun job = host.job({"echo up; mkdir -p deep/er; (setsid sleep 86413 &) ; sleep 86413"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n" && alive("86413"); }));
        ::kill(host.leaderOf(job), SIGKILL);
        std::string why = host.listener.waitVanished(job.runId);
        CPPUNIT_ASSERT_MESSAGE(why, why.find("is gone and left no result") != std::string::npos);
        CPPUNIT_ASSERT(eventually([&] { return !alive("86413"); }));
        CPPUNIT_ASSERT(
            eventually([&] { return ::access((host.attemptPath(job) + "/box").c_str(), F_OK) != 0; }));
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
    }
    void startingTheSameAttemptTwiceRunsItOnce() {
        Host host;
        ClaimedRun job = host.job({"echo once; sleep 0.2"});
        host.executor->start(job);
        host.executor->start(job);
        host.listener.waitFinished(job.runId);
        CPPUNIT_ASSERT_EQUAL(std::string("once\n"), host.log(job.runId));
        CPPUNIT_ASSERT_EQUAL(1, host.listener.finishes(job.runId));
        // After its end, too: the result that is there is reported again, nothing runs.
        host.restart();
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.listener.finishes(job.runId) == 2; }));
        CPPUNIT_ASSERT_EQUAL(std::string("once\n"), host.log(job.runId));
    }
    /// A node that slept for longer than its lease claims the next attempt before its leader has ended the
    /// one before.
    void theNextAttemptIsLedBesideTheOneBefore() {
        Host host;
        ClaimedRun first = host.job({"echo up; exec sleep 86419"}), second = first;
        second.attempt = 2;
        second.leaseEpoch = 8;
        host.executor->start(first);
        CPPUNIT_ASSERT(eventually([&] { return host.log(first.runId) == "up\n"; }));
        host.executor->start(second);
        CPPUNIT_ASSERT(eventually([&] { return host.log(first.runId, 0, 2) == "up\n"; }));
        // Who wants the run to end means both.
        host.executor->cancel(first.runId);
        CPPUNIT_ASSERT(eventually([&] { return host.listener.finishes(first.runId) == 2; }));
        CPPUNIT_ASSERT(!alive("86419"));
        CPPUNIT_ASSERT(host.hasResult(first) && host.hasResult(second));
    }
    void aSecondDaemonsStartFollowsTheFirstLeader() {
        Host host;
        ClaimedRun job = host.job({"echo up; sleep 1; echo end"});
        startAndDie(host, job);
        host.restart();
        host.executor->start(job);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string("up\nend\n"), host.log(job.runId));
    }
    void aKilledLauncherComesBackAndRunsGoOn() {
        Host host;
        ClaimedRun job = host.job({"echo up; while ! test -e go; do sleep 0.05; done; echo end"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        for (int i = 0; i < 2; ++i) { // first its worker, then all of it
            for (pid_t pid : processesWith("--runs-dir" + std::string(1, '\0') + host.root))
                if (i == 1 || findProcess(pid)->parent != ::getpid()) ::kill(pid, SIGKILL);
            RunOutcome outcome = host.run("echo after");
            CPPUNIT_ASSERT_MESSAGE(outcome.errorDetails, outcome.status == RunStatus::passed);
        }
        host.letGo(job);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
    }
    void aLauncherThatCannotServeIsTold() {
        Host host;
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), std::string(toText(host.run("true").status)));
        CPPUNIT_ASSERT_EQUAL(std::string(), host.executor->problem());
        // As with a daemon that has no privileges left to start another one.
        const std::string config = host.root + "/usherd.conf", good = read(config);
        std::ofstream(config) << "[exec]\nsandbox = none\n";
        for (pid_t pid : processesWith("--runs-dir" + std::string(1, '\0') + host.root)) ::kill(pid, SIGKILL);
        const RunOutcome outcome = host.run("true");
        CPPUNIT_ASSERT(outcome.status == RunStatus::error);
        CPPUNIT_ASSERT_MESSAGE(outcome.errorDetails,
                               outcome.errorDetails.find("configured for") != std::string::npos);
        CPPUNIT_ASSERT(host.executor->problem().find("configured for") != std::string::npos);
        std::ofstream(config) << good;
        CPPUNIT_ASSERT(eventually([&] { return host.executor->problem().empty(); }));
        CPPUNIT_ASSERT(host.run("true").status == RunStatus::passed);
    }
    void cancelReachesARecoveredRun() {
        Host host("cancel_grace_seconds = 1\n");
        ClaimedRun job = host.job({"echo up; sleep 86414"});
        startAndDie(host, job);
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        host.executor->cancel(job.runId);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::cancelled);
        CPPUNIT_ASSERT(!alive("86414"));
        ClaimedRun wanted = host.job({"echo up; sleep 86415"});
        startAndDie(host, wanted);
        host.restart();
        wanted.cancelRequested = true;
        host.executor->recover(wanted);
        CPPUNIT_ASSERT(host.listener.waitFinished(wanted.runId).status == RunStatus::cancelled);
    }
    void uidsAreUsedAgainWhenFewAreThere() {
        if (!isRoot()) return;
        Host host("uid_range = 59901-59902\n");
        std::vector<ClaimedRun> jobs;
        for (int i = 0; i < 12; ++i)
            jobs.push_back(host.job({"id -u; sleep 0.1; test $(ps -o pid= -u $(id -u) | wc -l) -lt 6"}));
        for (const ClaimedRun& job : jobs) host.executor->start(job);
        for (const ClaimedRun& job : jobs)
            CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
    }
    void aWrongConfigurationIsToldAtOnce() {
        try {
            Host host("cancel_grace_seconds = soon\nuid_range = 0-1\n");
            CPPUNIT_FAIL("no exception");
        } catch (const std::runtime_error& error) {
            std::string what = error.what();
            CPPUNIT_ASSERT_MESSAGE(what, what.find("usherd.conf:4: [exec] cancel_grace_seconds: expected") !=
                                             std::string::npos);
            CPPUNIT_ASSERT_MESSAGE(what, what.find(":5: [exec] uid_range") != std::string::npos);
        }
    }
    void nobodyHasTheUidOfATest() {
        if (!isRoot()) return;
        try {
            Host host("uid_range = 1-1\n"); // Debian's daemon
            CPPUNIT_FAIL("no exception");
        } catch (const std::runtime_error& error) {
            CPPUNIT_ASSERT_EQUAL(
                std::string("user daemon has uid 1, which lies inside [exec] uid_range: choose a range "
                            "that nobody else uses"),
                std::string(error.what()));
        }
    }
    void whatDecidesAboutUidsBelongsToRoot() {
        if (!isRoot()) return;
        Host host;
        const std::string folder = host.root + "/conf.d", file = folder + "/90-mine.conf";
        std::filesystem::create_directory(folder);
        std::ofstream(file) << "[exec]\ncancel_grace_seconds = 1\n";
        for (const std::string& path : {host.root + "/usherd.conf", folder, file}) {
            struct stat before {};
            CPPUNIT_ASSERT_EQUAL(0, ::stat(path.c_str(), &before));
            ::chmod(path.c_str(), (before.st_mode & 07777) | S_IWOTH);
            try {
                host.restart();
                CPPUNIT_FAIL("no exception for " + path);
            } catch (const std::runtime_error& error) {
                CPPUNIT_ASSERT_EQUAL(path +
                                         " must belong to root and be writable by nobody else: chown root " +
                                         path + "; chmod go-w " + path,
                                     std::string(error.what()));
            }
            ::chmod(path.c_str(), before.st_mode & 07777);
        }
        host.restart();
    }
    void aFolderThatTestsCannotEnterIsRefused() {
        if (!isRoot()) return;
        Host host;
        ::chmod(host.root.c_str(), 0700);
        try {
            host.restart();
            CPPUNIT_FAIL("no exception");
        } catch (const std::runtime_error& error) {
            CPPUNIT_ASSERT_EQUAL("tests run under uids of their own and cannot enter " + host.root +
                                     " (mode 0700): chmod o+x " + host.root,
                                 std::string(error.what()));
        }
    }

    /// In a child process; what it throws and asserts is its exit code.
    template <class Body>
    static void inChild(Body body) {
        pid_t child = ::fork();
        if (child == 0) {
            int code = 1;
            try {
                code = body() ? 0 : 2;
            } catch (const std::exception& error) {
                std::cerr << error.what() << std::endl;
            }
            ::_exit(code);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        CPPUNIT_ASSERT_EQUAL(0, status);
    }

    /// As a launcher of another user does, see UidClaims.h.
    static UniqueFd claimed(uid_t uid) {
        const bool service = ::access("/run/usher", F_OK) == 0;
        UniqueFd file(::open(service ? "/run/usher/uids.lock" : "/run/usher-uids.lock",
                             O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_start = static_cast<off_t>(uid);
        lock.l_len = 1;
        return ::fcntl(file.get(), F_OFD_SETLK, &lock) == 0 ? std::move(file) : UniqueFd();
    }
    void anUnprivilegedDaemonRunsTestsThroughAPrivilegedLauncher() {
        if (!isRoot()) return;
        Host host("uid_range = 59590-59591\n");
        host.stop();
        const UniqueFd others = claimed(59591);
        CPPUNIT_ASSERT(others);
        CPPUNIT_ASSERT_EQUAL(0, std::system(("rm -rf " + host.root + "/runs; chown 58001:58001 " + host.root +
                                             "; cp " + USHER_LEADER + " " + host.root +
                                             "/usher-leader; chmod 755 " + host.root + "/usher-leader")
                                                .c_str()));
        inChild([&] {
            ExecSettings settings = host.settings();
            settings.leaderPath = host.root + "/usher-leader";
            settings.launcher = startLauncher(settings);
            dropPrivileges(host.root);
            std::string status = read("/proc/self/status");
            bool bare = ::getuid() == 58001 &&
                        status.find("CapPrm:\t0000000000000000") != std::string::npos &&
                        status.find("CapBnd:\t0000000000000000") != std::string::npos &&
                        status.find("NoNewPrivs:\t1") != std::string::npos;
            RecordingListener listener;
            SystemClock clock;
            LeaderProcess executor(std::move(settings), listener, clock);
            ClaimedRun job =
                host.job({"id -u; mkdir d; echo x > d/f; echo a > $USHER_ARTIFACTS/a; setsid sleep 86416 &",
                          "echo there; sleep 86416"});
            job.timeoutSeconds = 5;
            executor.start(job);
            listener.waitStarted(job.runId);
            eventually([&] { return host.log(job.runId, 1) == "there\n"; });
            executor.cancel(job.runId);
            RunOutcome outcome = listener.waitFinished(job.runId);
            auto artifacts = host.files->listArtifacts(job.runId, 1);
            std::string user = host.log(job.runId);
            struct stat st {};
            ::stat((host.attemptPath(job) + "/artifacts/a").c_str(), &st);
            bool clean =
                eventually([&] { return ::access((host.attemptPath(job) + "/box").c_str(), F_OK) != 0; });
            std::cerr << (bare ? "" : status) << outcome.errorDetails << user;
            return bare && outcome.status == RunStatus::cancelled &&
                   outcome.tests.at(0).status == TestStatus::passed && user == "59590\n" &&
                   artifacts.size() == 1 && st.st_uid == 58001 && clean && !alive("86416");
        });
    }
    void anotherUserThanRootCanRunWithoutASandbox() {
        if (!isRoot()) return;
        Host host("", "none");
        host.stop();
        CPPUNIT_ASSERT_EQUAL(
            0, std::system(("chown -R 58002:58002 " + host.root + "; cp " + USHER_LEADER + " " +
                            USHER_LAUNCHER + " " + host.root + "; chmod 755 " + host.root + "/usher-*")
                               .c_str()));
        inChild([&] {
            if (::setgid(58002) != 0 || ::setuid(58002) != 0) return false;
            ExecSettings settings = host.settings();
            settings.leaderPath = host.root + "/usher-leader";
            settings.launcherPath = host.root + "/usher-launcher";
            RecordingListener listener;
            SystemClock clock;
            LeaderProcess executor(std::move(settings), listener, clock);
            ClaimedRun job = host.job({"id -u; mkdir d; echo x > d/f; ln -s /etc/passwd $USHER_ARTIFACTS/l; "
                                       "echo a > $USHER_ARTIFACTS/a; (setsid sleep 86417 &) ; sleep 0.1",
                                       "sleep 86417"});
            job.timeoutSeconds = 2;
            executor.start(job);
            RunOutcome outcome = listener.waitFinished(job.runId);
            auto artifacts = host.files->listArtifacts(job.runId, 1);
            std::string log = host.log(job.runId);
            std::cerr << log << outcome.errorDetails;
            bool clean =
                eventually([&] { return ::access((host.attemptPath(job) + "/box").c_str(), F_OK) != 0; });
            return outcome.status == RunStatus::timeout && outcome.sandbox == "none" &&
                   log.substr(0, 6) == "58002\n" && artifacts.size() == 1 && clean && !alive("86417");
        });
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RecoveryTest);
