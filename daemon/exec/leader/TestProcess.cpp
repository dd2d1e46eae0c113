#include "exec/leader/TestProcess.h"

#include "base/Text.h"
#include "domain/RunStore.h"
#include "exec/Credentials.h"

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

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool isProgram(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

/// A path for a program's name; nothing when it is not installed.
std::optional<std::string> findProgram(const std::string& name) {
    if (name.find('/') != std::string::npos) return isProgram(name) ? std::optional(name) : std::nullopt;
    for (const std::string& folder : split(kPath, ':'))
        if (std::string path = folder + "/" + name; isProgram(path)) return path;
    return std::nullopt;
}

std::string replaced(std::string text, const Environment& places) {
    for (const auto& [place, value] : places)
        for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += value.size())
            text.replace(at, place.size(), value);
    return text;
}

void limit(int resource, std::int64_t soft, std::int64_t hard) {
    rlimit now{};
    auto which = static_cast<__rlimit_resource>(resource);
    if (::getrlimit(which, &now) != 0) return;
    rlim_t most = std::min(static_cast<rlim_t>(hard), now.rlim_max);
    rlimit wanted{std::min(static_cast<rlim_t>(soft), most), most};
    ::setrlimit(which, &wanted);
}

/// The child's last steps before the program. Returns which one failed.
const char* becomeTest(const TestPlan& plan, int output, int null, pid_t leader) {
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
    if (plan.uid) {
        limit(RLIMIT_NPROC, 1024,
              1024); // counts all processes of the uid: only a uid of its own may have one
        if (!becomeUser(*plan.uid, static_cast<gid_t>(*plan.uid))) return "cannot become the test's user";
    } else {
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if (!setCapabilities(0)) return "cannot drop capabilities";
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "cannot set no_new_privs";
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // after the change of user, which clears it
    if (::getppid() != leader) ::_exit(1);
    if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return "cannot close descriptors";
    return nullptr;
}

} // namespace

std::string scriptName(const ExecConfig& config, const TestToRun& test) {
    const Interpreter* interpreter = findInterpreter(config, test.type);
    return "test-" + std::to_string(test.position) + (interpreter ? interpreter->extension : std::string());
}

std::string scriptText(const TestToRun& test) {
    if (test.plainScript) return test.script;
    auto decoded = fromBase64(trim(test.script));
    return decoded && !decoded->empty() && isUtf8(*decoded) ? *decoded : test.script;
}

std::variant<TestPlan, std::string> planTest(const LeaderOrder& order, const ClaimedRun& run,
                                             const TestToRun& test, const Box& box,
                                             const std::string& temporary) {
    const std::string number = std::to_string(test.position);
    const std::string artifacts = box.path("artifacts-" + number), results = box.path("results-" + number);
    const Environment places = {{"{script}", box.path("work/" + scriptName(order.config, test))},
                                {"{artifacts}", artifacts},
                                {"{results}", results}};
    TestPlan plan;
    // Parameters first: none of them may stand in for what the system itself says.
    plan.environment = run.parameters;
    for (const auto& [name, value] : run.secrets) plan.environment[name] = value;
    const Interpreter* interpreter = findInterpreter(order.config, test.type);
    if (interpreter) {
        for (const std::string& word : interpreter->command) plan.arguments.push_back(replaced(word, places));
        for (const auto& [name, value] : interpreter->environment)
            plan.environment[name] = replaced(value, places);
    } else if (test.type == "exec") {
        for (std::string& word : split(std::string(trim(scriptText(test))), ' '))
            if (!word.empty()) plan.arguments.push_back(std::move(word));
        const auto& allowed = order.config.execAllow;
        if (plan.arguments.empty() ||
            std::find(allowed.begin(), allowed.end(), plan.arguments[0]) == allowed.end())
            return "exec: " +
                   (plan.arguments.empty() ? std::string("no program") : oneLine(plan.arguments[0], 200)) +
                   " is not on the list [exec] exec_allow";
    } else {
        return "no interpreter for tests of type '" + oneLine(test.type, 60) + "': [exec] interpreter." +
               oneLine(test.type, 60) + " is not set";
    }
    auto program = findProgram(plan.arguments[0]);
    if (!program) return "interpreter not installed: " + oneLine(plan.arguments[0], 200);
    plan.program = *program;
    plan.environment["PATH"] = kPath;
    plan.environment["HOME"] = box.path("work");
    plan.environment["LANG"] = "C.UTF-8";
    plan.environment["TMPDIR"] = temporary;
    plan.environment["USHER_RUN_ID"] = run.runId;
    plan.environment["USHER_JOB_ID"] = run.jobId;
    plan.environment["USHER_TEST_ID"] = test.testId;
    plan.environment["USHER_ATTEMPT"] = std::to_string(order.attempt);
    plan.environment["USHER_ARTIFACTS"] = artifacts;
    plan.environment["USHER_RESULTS"] = results;
    plan.workFolder = box.path("work");
    if (!order.uids.empty()) plan.uid = order.uids[0];
    if (order.profile != "none") {
        plan.memoryLimitBytes = order.config.memoryLimitBytes;
        plan.fileLimitBytes = order.config.fileLimitBytes;
    }
    return plan;
}

StartedTest startTest(const TestPlan& plan) {
    StartedTest started;
    int output[2], errors[2];
    {
        // The pipe belongs to the test's user, or a script could not open /dev/stdout and /dev/stderr again.
        AsFileUser user(plan.uid.value_or(::geteuid()));
        if (::pipe2(output, O_CLOEXEC) != 0) {
            started.problem = std::string("cannot make a pipe: ") + std::strerror(errno);
            return started;
        }
    }
    started.output.reset(output[0]);
    UniqueFd outputEnd(output[1]), null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ::fcntl(output[0], F_SETFL, O_NONBLOCK);
    if (!null || ::pipe2(errors, O_CLOEXEC) != 0) {
        started.problem = std::string("cannot prepare: ") + std::strerror(errno);
        return started;
    }
    UniqueFd errorsRead(errors[0]), errorsWrite(errors[1]);

    std::vector<char*> arguments, environment;
    std::vector<std::string> pairs;
    for (const auto& [name, value] : plan.environment) pairs.push_back(name + "=" + value);
    for (std::string& pair : pairs) environment.push_back(pair.data());
    for (const std::string& argument : plan.arguments)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    environment.push_back(nullptr);
    arguments.push_back(nullptr);

    pid_t leader = ::getpid();
    pid_t child = ::fork();
    if (child < 0) {
        started.problem = std::string("cannot fork: ") + std::strerror(errno);
        return started;
    }
    if (child == 0) {
        const char* failed = becomeTest(plan, output[1], null.get(), leader);
        if (!failed) {
            ::execve(plan.program.c_str(), arguments.data(), environment.data());
            failed = "";
        }
        std::array<char, 256> text{};
        int code = errno;
        std::memcpy(text.data(), &code, sizeof code);
        std::strncpy(text.data() + sizeof code, failed, text.size() - sizeof code - 1);
        [[maybe_unused]] ssize_t n = ::write(errors[1], text.data(), text.size());
        ::_exit(127);
    }
    outputEnd.reset();
    errorsWrite.reset();
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
