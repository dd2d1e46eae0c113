#include "exec/Sandbox.h"
#include "unit/exec/ExecFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>

using namespace usher;
using namespace usher::test;

/// Profile strict: what a test can reach, and that all the rest of a test's life is as in the others.
class StrictTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(StrictTest);
    CPPUNIT_TEST(whatIsInForceIsRecorded);
    CPPUNIT_TEST(theSystemIsReadOnly);
    CPPUNIT_TEST(itsOwnFoldersAreWritable);
    CPPUNIT_TEST(onlyItsOwnProcessesAreSeen);
    CPPUNIT_TEST(noNetworkUnlessTheJobSaysSo);
    CPPUNIT_TEST(systemCallsThatNobodyNeedsAreRefused);
    CPPUNIT_TEST(noCapabilityIsLeft);
    CPPUNIT_TEST(endsAreAsInOtherProfiles);
    CPPUNIT_TEST(cancelAndTimeoutLeaveNothing);
    CPPUNIT_TEST(testsInParallelShareTheRunsFolder);
    CPPUNIT_TEST(aRestartedDaemonFindsIt);
    CPPUNIT_TEST(interpretersWork);
    CPPUNIT_TEST(whereItCannotBeGivenTheStartIsRefused);
    CPPUNIT_TEST_SUITE_END();

    static bool given() {
        static const std::string why =
            isRoot() ? whyNotStrict({59998, 59998}) : std::string("only root can give it");
        if (!why.empty()) std::printf("SKIPPED part: profile strict: %s\n", why.c_str());
        return why.empty();
    }
    static std::string strict(const std::string& script, bool network = false) {
        Host host("", "strict");
        ClaimedRun job = host.job({script});
        job.network = network;
        RunOutcome outcome = host.run(job);
        std::string log = host.log(job.runId);
        CPPUNIT_ASSERT_MESSAGE(outcome.errorDetails + "\n" + log, outcome.status == RunStatus::passed);
        return log;
    }
    static bool sleeps(const std::string& seconds) {
        return !processesWith("sleep" + std::string(1, '\0') + seconds).empty();
    }
    static std::string escape(const std::string& seconds) {
        return "(setsid sh -c 'setsid sleep " + seconds + " </dev/null >/dev/null 2>&1 & exit 0' &) ; ";
    }

    void whatIsInForceIsRecorded() {
        if (!given()) return;
        Host host("", "strict");
        ClaimedRun job = host.job({"true"});
        CPPUNIT_ASSERT_EQUAL(
            std::string("strict (uid, rlimits, memory sampled, namespaces, seccomp, no network; no cgroup)"),
            host.run(job).sandbox);
        job = host.job({"true"});
        job.network = true;
        CPPUNIT_ASSERT_EQUAL(
            std::string("strict (uid, rlimits, memory sampled, namespaces, seccomp; no cgroup)"),
            host.run(job).sandbox);
    }
    void theSystemIsReadOnly() {
        if (!given()) return;
        // A folder that anybody may write to, where only the sandbox is in the way.
        char open[] = "/var/lib/usher-open-XXXXXX";
        CPPUNIT_ASSERT(::mkdtemp(open));
        CPPUNIT_ASSERT_EQUAL(0, std::system((std::string("chmod 1777 ") + open).c_str()));
        std::string log = strict("touch " + std::string(open) +
                                 "/x 2>&1 && exit 1; "
                                 "for d in / /etc /usr /var /home /dev /run /sys /proc/sys/kernel; do "
                                 "touch $d/x 2>/dev/null && exit 2; done; ls -A /run; "
                                 "echo x > /dev/null; [ -c /dev/urandom ]; ls /dev | tr '\\n' ' '; exit 0");
        ::rmdir(open);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("Read-only file system") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(
            log, log.find("\nfd full null ptmx pts random shm stderr stdin stdout tty urandom zero ") !=
                     std::string::npos);
    }
    void itsOwnFoldersAreWritable() {
        if (!given()) return;
        Host host("", "strict");
        ClaimedRun job =
            host.job({"set -e; echo a > here; echo b > /tmp/b; cat $TMPDIR/b; echo c > /var/tmp/c; "
                      "echo d > /dev/shm/d; echo e > $USHER_ARTIFACTS/e; echo $TMPDIR; "
                      "echo '<testsuite><testcase name=\"x\"/></testsuite>' > $USHER_RESULTS/r.xml; "
                      "echo to stdout > /dev/stdout; echo to stderr > /dev/stderr",
                      "set -e; cat here; cat /tmp/b; [ ! -e /dev/shm/d ]"});
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_MESSAGE(host.log(job.runId), outcome.status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string("b\n/tmp\nto stdout\nto stderr\n"), host.log(job.runId));
        CPPUNIT_ASSERT_EQUAL(std::string("a\nb\n"), host.log(job.runId, 1));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, host.files->listArtifacts(job.runId, 1).size());
        CPPUNIT_ASSERT(outcome.tests.at(0).casesJson.find("\"x\"") != std::string::npos);
        CPPUNIT_ASSERT(
            eventually([&] { return ::access((host.attemptPath(job) + "/box").c_str(), F_OK) != 0; }));
        CPPUNIT_ASSERT(::access("/var/tmp/c", F_OK) != 0 && ::access("/tmp/b", F_OK) != 0);
    }
    void onlyItsOwnProcessesAreSeen() {
        if (!given()) return;
        std::string log = strict("ls /proc | grep -c '^[0-9]'; hostname; cat /proc/1/comm; "
                                 "kill -9 1 2>/dev/null; echo alive; ipcs -q | wc -l");
        CPPUNIT_ASSERT_MESSAGE(log, log.find("localhost\nusher-leader\nalive\n") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(log, std::stoi(log) >= 3 && std::stoi(log) <= 5);
    }
    void noNetworkUnlessTheJobSaysSo() {
        if (!given()) return;
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        CPPUNIT_ASSERT(::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0);
        CPPUNIT_ASSERT(::listen(listener, 8) == 0);
        CPPUNIT_ASSERT(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
        const std::string reach =
            "python3 -c \"\nimport socket\ntry:\n socket.create_connection(('127.0.0.1', " +
            std::to_string(ntohs(address.sin_port)) +
            "), 3)\n print('reached')\nexcept OSError as e:\n print('not reached')\n"
            "s = socket.create_server(('127.0.0.1', 0))\n"
            "socket.create_connection(s.getsockname(), 3)\nprint('own loopback')\"";
        CPPUNIT_ASSERT_EQUAL(std::string("not reached\nown loopback\n"), strict(reach));
        CPPUNIT_ASSERT_EQUAL(std::string("reached\nown loopback\n"), strict(reach, true));
        ::close(listener);
    }
    void systemCallsThatNobodyNeedsAreRefused() {
        if (!given()) return;
        const std::string script = R"X(python3 - <<'P'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(*a):
    ctypes.set_errno(0)
    return errno.errorcode.get(ctypes.get_errno(), 0) if libc.syscall(*a) == -1 else 'allowed'
print('unshare', call(272, 0x10000000))
print('mount', call(165, b'x', b'/tmp', b'tmpfs', 0, None))
print('bpf', call(321, 0, None, 0))
print('keyctl', call(250, 0, 0, 0, 0, 0))
print('clone', call(56, 0x10000000 | 17, 0, 0, 0, 0))
print('clone3', call(435, None, 0))
print('io_uring', call(425, 1, None))
print('vsock', call(41, 40, 1, 0))
print('packet', call(41, 17, 3, 0))
print('inet', call(41, 2, 1, 0))
P)X";
        CPPUNIT_ASSERT_EQUAL(std::string("unshare EPERM\nmount EPERM\nbpf EPERM\nkeyctl EPERM\nclone EPERM\n"
                                         "clone3 ENOSYS\nio_uring ENOSYS\nvsock EAFNOSUPPORT\n"
                                         "packet EAFNOSUPPORT\ninet allowed\n"),
                             strict(script));
    }
    void noCapabilityIsLeft() {
        if (!given()) return;
        std::string log = strict("grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Seccomp):' /proc/self/status; "
                                 "cat /proc/self/uid_map; for f in /proc/1/mem /proc/1/environ; do "
                                 "head -c1 $f 2>/dev/null && exit 1; done; exit 0");
        CPPUNIT_ASSERT_MESSAGE(log, log.find("CapPrm:\t0000000000000000") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("CapEff:\t0000000000000000") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("NoNewPrivs:\t1") != std::string::npos);
        CPPUNIT_ASSERT_MESSAGE(log, log.find("Seccomp:\t2") != std::string::npos);
    }
    void endsAreAsInOtherProfiles() {
        if (!given()) return;
        Host host("interpreter.gone = /no/such {script}\n", "strict");
        RunOutcome outcome = host.run("exit 7");
        CPPUNIT_ASSERT_EQUAL(7, outcome.exitCode.value());
        outcome = host.run("kill -SEGV $$");
        CPPUNIT_ASSERT_EQUAL(SIGSEGV, outcome.signal.value());
        outcome = host.run("exit 127");
        CPPUNIT_ASSERT(outcome.status == RunStatus::failed);
        outcome = host.run(host.job({"x"}, "gone"));
        CPPUNIT_ASSERT_EQUAL(std::string("interpreter not installed: /no/such"), outcome.errorDetails);
        outcome = host.run(escape("86440") + "sleep 86441 & echo done");
        CPPUNIT_ASSERT(outcome.status == RunStatus::passed);
        CPPUNIT_ASSERT(!sleeps("86440") && !sleeps("86441"));
    }
    void cancelAndTimeoutLeaveNothing() {
        if (!given()) return;
        Host host("cancel_grace_seconds = 1\n", "strict");
        for (int i = 0; i < 6; ++i) {
            ClaimedRun job = host.job({escape("86442") + "trap 'echo cleaned; exit 5' TERM; touch up; "
                                                         "while :; do sleep 0.05; done"});
            if (i == 0) job.timeoutSeconds = 1;
            host.executor->start(job);
            CPPUNIT_ASSERT(eventually([&] { return sleeps("86442"); }));
            if (i > 0) host.executor->cancel(job.runId);
            RunOutcome outcome = host.listener.waitFinished(job.runId);
            CPPUNIT_ASSERT(outcome.status == (i > 0 ? RunStatus::cancelled : RunStatus::timeout));
            CPPUNIT_ASSERT(host.log(job.runId).find("cleaned\n") != std::string::npos);
            CPPUNIT_ASSERT_EQUAL(5, outcome.exitCode.value());
            CPPUNIT_ASSERT(!sleeps("86442"));
        }
        ClaimedRun job = host.job({"trap '' TERM; echo up; while :; do sleep 0.05; done"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "up\n"; }));
        host.executor->cancel(job.runId);
        CPPUNIT_ASSERT_EQUAL(SIGKILL, host.listener.waitFinished(job.runId).signal.value());
    }
    void testsInParallelShareTheRunsFolder() {
        if (!given()) return;
        Host host("", "strict");
        auto meet = [](const std::string& mine, const std::string& other) {
            return "touch " + mine + " /tmp/" + mine + "; n=0; while ! [ -e " + other + " -a -e /tmp/" +
                   other + " ]; do sleep 0.02; n=$((n+1)); [ $n -lt 500 ] || exit 9; done";
        };
        ClaimedRun job = host.job({meet("a", "b"), meet("b", "c"), meet("c", "a")});
        job.parallelism = 3;
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_MESSAGE(host.log(job.runId) + outcome.errorDetails,
                               outcome.status == RunStatus::passed);
    }
    void aRestartedDaemonFindsIt() {
        if (!given()) return;
        Host host("", "strict");
        ClaimedRun job = host.job({"echo a; n=0; while ! [ -e go ]; do sleep 0.02; done; echo b"});
        host.executor->start(job);
        CPPUNIT_ASSERT(eventually([&] { return host.log(job.runId) == "a\n"; }));
        host.restart();
        CPPUNIT_ASSERT(host.executor->recover(job) == Executor::Recovery::attached);
        host.letGo(job);
        CPPUNIT_ASSERT(host.listener.waitFinished(job.runId).status == RunStatus::passed);
        CPPUNIT_ASSERT_EQUAL(std::string("a\nb\n"), host.log(job.runId));
    }
    void interpretersWork() {
        if (!given()) return;
        Host host("", "strict");
        ClaimedRun job = host.job({"import subprocess, threading, multiprocessing, tempfile\n"
                                   "threading.Thread(target=print, args=('thread',)).start()\n"
                                   "print(subprocess.check_output(['echo', 'child']).decode(), end='')\n"
                                   "multiprocessing.Semaphore(1)\ntempfile.TemporaryFile().write(b'x')\n"},
                                  "python");
        RunOutcome outcome = host.run(job);
        CPPUNIT_ASSERT_MESSAGE(host.log(job.runId) + outcome.errorDetails,
                               outcome.status == RunStatus::passed);
        if (::access("/usr/bin/node", X_OK) != 0) return;
        job = host.job({"const fs = require('fs'); fs.promises.readFile('/etc/hostname').then(() => "
                        "console.log('well'));"},
                       "node");
        outcome = host.run(job);
        CPPUNIT_ASSERT_MESSAGE(host.log(job.runId) + outcome.errorDetails,
                               outcome.status == RunStatus::passed);
    }
    void whereItCannotBeGivenTheStartIsRefused() {
        if (!given()) return;
        Host host;
        std::ofstream(host.root + "/strict.conf")
            << "state_dir = " << host.root << "\n[exec]\nsandbox = strict\n";
        ExecSettings settings = host.settings();
        settings.configFile = host.root + "/strict.conf";
        settings.sandbox = "strict";
        const pid_t child = ::fork();
        if (child == 0) {
            // As in most containers: who covers a part of /proc gets no second one.
            if (::unshare(CLONE_NEWNS) != 0 ||
                ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                ::mount("tmpfs", "/proc/sys/kernel", "tmpfs", 0, nullptr) != 0)
                ::_exit(2);
            try {
                LeaderProcess refused(std::move(settings), host.listener, host.clock);
                ::_exit(3);
            } catch (const std::runtime_error& error) {
                const std::string expected =
                    "this machine cannot give sandbox strict: cannot mount /proc for "
                    "the pid namespace: Operation not permitted";
                ::_exit(std::string(error.what()).starts_with(expected) ? 0 : 4);
            }
        }
        int status = -1;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        CPPUNIT_ASSERT_EQUAL(0, status);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StrictTest);
