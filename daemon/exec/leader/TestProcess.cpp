#include "exec/leader/TestProcess.h"

#include "exec/leader/Keeper.h"

#include <fcntl.h>
#include <linux/close_range.h>
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
        // Counts all processes of the uid: only a uid of its own may have a limit.
        limit(RLIMIT_NPROC, 1024, 1024);
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

[[noreturn]] void fail(const Ends& ends, const char* step) {
    std::array<char, 256> text{};
    int code = errno;
    std::memcpy(text.data(), &code, sizeof code);
    std::strncpy(text.data() + sizeof code, step, text.size() - sizeof code - 1);
    [[maybe_unused]] ssize_t n = ::write(ends.errors, text.data(), text.size());
    ::_exit(127);
}

[[noreturn]] void beTest(const TestPlan& plan, const Ends& ends, pid_t parent) {
    if (const char* failed = becomeTest(plan, ends.output, ends.null, parent)) fail(ends, failed);
    ::execve(plan.program.c_str(), ends.arguments, ends.environment);
    fail(ends, "");
}

[[noreturn]] void beKeeper(const TestPlan& plan, const Ends& ends, pid_t leader) {
    if (const char* failed = becomeUserOf(plan, leader)) fail(ends, failed);
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
    pid_t child = ::fork();
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
    std::array<char, 256> text{};
    ssize_t n;
    do n = ::read(errorsRead.get(), text.data(), text.size());
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        started.pid = child;
        return started;
    }
    int status, code;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    std::memcpy(&code, text.data(), sizeof code);
    const char* step = text.data() + sizeof code;
    started.problem =
        (*step ? std::string(step) : "cannot start " + plan.program) + ": " + std::strerror(code);
    return started;
}

} // namespace usher
