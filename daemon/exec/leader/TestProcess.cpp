#include "exec/leader/TestProcess.h"

#include "exec/SyscallFilter.h"
#include "exec/leader/Keeper.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace usher {

namespace {

void limit(int resource, std::int64_t soft, std::int64_t hard) {
    rlimit now{};
    auto which = static_cast<__rlimit_resource>(resource);
    if (::getrlimit(which, &now) != 0) return;
    rlim_t most = std::min(static_cast<rlim_t>(hard), now.rlim_max);
    rlimit wanted{std::min(static_cast<rlim_t>(soft), most), most};
    ::setrlimit(which, &wanted);
}

/// Gives up the leader's privileges. Returns what failed.
const char* becomeUserOf(const TestPlan& plan, pid_t parent) {
    if (plan.user) {
        // Counts all processes of the uid: only a uid of its own may have a limit. A group's is told of when
        // it is met, and this one would be met before.
        if (!plan.cgroup) limit(RLIMIT_NPROC, kMostProcesses, kMostProcesses);
        if (!becomeUser(*plan.user)) return "cannot become the test's user";
    } else {
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if (!setCapabilities(0)) return "cannot drop capabilities";
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "cannot set no_new_privs";
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // after the change of user, which clears it
    if (::getppid() != parent) ::_exit(1);
    return nullptr;
}

/// The test's last steps before the program. Returns which one failed.
const char* becomeTest(const TestPlan& plan, int output, int null, pid_t parent) {
    ::setsid();
    // By the system call: the C library refuses 32 and 33, and who started the daemon may have ignored them
    // too.
    const unsigned long defaultAction[4] = {};
    for (int number = 1; number < NSIG; ++number)
        ::syscall(SYS_rt_sigaction, number, defaultAction, nullptr, 8);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0)
        return "cannot connect the output";
    if (::chdir(plan.workFolder.c_str()) != 0) return "cannot enter the work folder";
    ::umask(077);
    ::setpriority(PRIO_PROCESS, 0, 5); // the daemon answers before tests compute
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_NOFILE, 4096, 65536);
    if (plan.fileLimitBytes > 0) limit(RLIMIT_FSIZE, plan.fileLimitBytes, plan.fileLimitBytes);
    if (plan.memoryLimitBytes > 0) limit(RLIMIT_DATA, plan.memoryLimitBytes, plan.memoryLimitBytes);
    if (plan.kept) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
    } else if (const char* failed = becomeUserOf(plan, parent)) {
        return failed;
    }
    if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return "cannot close descriptors";
    return nullptr;
}

/// What a test's process is born with.
struct Ends {
    int null = -1, output = -1, errors = -1, verdict = -1;
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
};

/// What the new processes say through the error pipe before the program is executed: one write each.
struct Report {
    pid_t keeper = -1; ///< > 0: the keeper of a sandboxed test has this pid; else a step failed
    int error = 0;
    std::array<char, 200> step{};
};

[[noreturn]] void fail(const Ends& ends, const char* step) {
    Report report;
    report.error = errno;
    std::strncpy(report.step.data(), step, report.step.size() - 1);
    [[maybe_unused]] ssize_t n = ::write(ends.errors, &report, sizeof report);
    ::_exit(127);
}

[[noreturn]] void beTest(const TestPlan& plan, const Ends& ends, pid_t parent) {
    if (const char* failed = becomeTest(plan, ends.output, ends.null, parent)) fail(ends, failed);
    if (plan.filter && !plan.filter->apply()) fail(ends, "cannot apply the filter of system calls");
    ::execve(plan.program.c_str(), ends.arguments, ends.environment);
    fail(ends, "");
}

[[noreturn]] void keep(const TestPlan& plan, const Ends& ends) {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fail(ends, "cannot become a subreaper");
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    const pid_t self = ::getpid();
    const pid_t test = ::fork();
    if (test < 0) fail(ends, "cannot fork");
    if (test == 0) beTest(plan, ends, self);
    // Descriptors that it kept would hold the pipes open for ever.
    if (::dup2(ends.verdict, 0) < 0 || ::syscall(SYS_close_range, 1U, ~0U, 0U) != 0) ::_exit(1);
    keepTest(test, 0);
}

[[noreturn]] void beKeeper(const TestPlan& plan, const Ends& ends, pid_t leader) {
    if (const char* failed = becomeUserOf(plan, leader)) fail(ends, failed);
    if (!plan.sandbox) keep(plan, ends);
    if (const char* failed = enterNamespaces(*plan.user, *plan.sandbox)) fail(ends, failed);
    // The namespace's first process is the keeper, and a child of the leader's, not ours: we go.
    const auto keeper = static_cast<pid_t>(::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
    if (keeper < 0) fail(ends, "cannot start the first process of a pid namespace");
    if (keeper == 0) {
        pollfd reader{ends.errors, 0, 0}; // a leader that is gone already sends no signal when it dies
        if (const char* failed = becomeFirstProcess()) fail(ends, failed);
        if (::poll(&reader, 1, 0) > 0) ::_exit(1);
        keep(plan, ends);
    }
    Report report;
    report.keeper = keeper;
    [[maybe_unused]] ssize_t n = ::write(ends.errors, &report, sizeof report);
    ::_exit(0);
}

void cannotEnter(const void* ends) {
    fail(*static_cast<const Ends*>(ends), "cannot enter the test's control group");
}

void reapByName(pid_t child) {
    int status;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
}

} // namespace

StartedTest startTest(const TestPlan& plan) {
    StartedTest started;
    int output[2], errors[2];
    {
        // The pipe belongs to the test's user, or a script could not open /dev/stdout and /dev/stderr again.
        AsFileUser user(plan.user ? plan.user->uid : ::geteuid());
        if (::pipe2(output, O_CLOEXEC) != 0) {
            started.problem = std::string("cannot make a pipe: ") + std::strerror(errno);
            return started;
        }
    }
    started.output.reset(output[0]);
    UniqueFd outputEnd(output[1]), null(::open("/dev/null", O_RDONLY | O_CLOEXEC)), verdictEnd;
    ::fcntl(output[0], F_SETFL, O_NONBLOCK);
    if (!null || ::pipe2(errors, O_CLOEXEC) != 0) {
        started.problem = std::string("cannot prepare: ") + std::strerror(errno);
        return started;
    }
    UniqueFd errorsRead(errors[0]), errorsWrite(errors[1]);
    if (plan.kept) {
        int verdict[2];
        if (::pipe2(verdict, O_CLOEXEC | O_NONBLOCK) != 0) {
            started.problem = std::string("cannot make a pipe: ") + std::strerror(errno);
            return started;
        }
        started.verdict.reset(verdict[0]);
        verdictEnd.reset(verdict[1]);
    }

    std::vector<char*> arguments, environment;
    std::vector<std::string> pairs;
    for (const auto& [name, value] : plan.environment) pairs.push_back(name + "=" + value);
    for (std::string& pair : pairs) environment.push_back(pair.data());
    for (const std::string& argument : plan.arguments)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    environment.push_back(nullptr);
    arguments.push_back(nullptr);
    const Ends ends{null.get(),       outputEnd.get(),  errorsWrite.get(),
                    verdictEnd.get(), arguments.data(), environment.data()};

    const pid_t leader = ::getpid();
    // Without a copy of our memory where the child only makes system calls until it executes (beTest): the
    // copy is a quarter of what starting a short test costs.
    const bool straight = !plan.kept && !plan.cgroup;
    const pid_t child = straight ? ::vfork() /* NOLINT(*vfork) */ : forkInto(plan.cgroup, cannotEnter, &ends);
    if (child < 0) {
        started.problem = std::string("cannot fork: ") + std::strerror(errno);
        return started;
    }
    if (child == 0) {
        if (plan.kept)
            beKeeper(plan, ends, leader);
        else
            beTest(plan, ends, leader);
    }
    outputEnd.reset();
    errorsWrite.reset();
    verdictEnd.reset();
    pid_t keeper = -1;
    Report failure;
    for (Report report;;) {
        ssize_t n = ::read(errorsRead.get(), &report, sizeof report);
        if (n < 0 && errno == EINTR) continue;
        if (n != static_cast<ssize_t>(sizeof report)) break;
        if (report.keeper > 0)
            keeper = report.keeper;
        else
            failure = report;
    }
    if (plan.sandbox) reapByName(child); // it has made the keeper, or said why not
    started.pid = plan.sandbox ? keeper : child;
    if (failure.error == 0 && started.pid > 0) return started;
    reapByName(started.pid);
    started.pid = -1;
    started.problem = (failure.step[0] ? std::string(failure.step.data()) : "cannot start " + plan.program) +
                      ": " + std::strerror(failure.error);
    return started;
}

} // namespace usher
