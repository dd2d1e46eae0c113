#include "exec/leader/TestPlan.h"

#include "base/Text.h"
#include "domain/RunStore.h"

#include <sys/stat.h>

#include <algorithm>

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

std::variant<TestPlan, std::string> planTest(const LeaderOrder& order, const ExecConfig& config,
                                             const ClaimedRun& run, const TestToRun& test, const Box& box,
                                             std::optional<TestUser> user, const std::string& temporary) {
    const std::string number = std::to_string(test.position);
    const std::string artifacts = box.path("artifacts-" + number), results = box.path("results-" + number);
    const Environment places = {{"{script}", box.path("work/" + scriptName(config, test))},
                                {"{artifacts}", artifacts},
                                {"{results}", results}};
    TestPlan plan;
    // Parameters first: none of them may stand in for what the system itself says.
    plan.environment = run.parameters;
    for (const auto& [name, value] : run.secrets) plan.environment[name] = value;
    const Interpreter* interpreter = findInterpreter(config, test.type);
    if (interpreter) {
        for (const std::string& word : interpreter->command) plan.arguments.push_back(replaced(word, places));
        for (const auto& [name, value] : interpreter->environment)
            plan.environment[name] = replaced(value, places);
    } else if (test.type == "exec") {
        for (std::string& word : split(std::string(trim(scriptText(test))), ' '))
            if (!word.empty()) plan.arguments.push_back(std::move(word));
        const auto& allowed = config.execAllow;
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
    if (config.sandbox == "strict") {
        plan.kept = true;
        plan.sandbox = SandboxPlan{box.ownPath(), temporary, run.network};
        plan.environment["TMPDIR"] = "/tmp";
    }
    plan.user = user;
    if (config.sandbox != "none") {
        plan.memoryLimitBytes = config.memoryLimitBytes;
        plan.fileLimitBytes = config.fileLimitBytes;
    }
    return plan;
}

} // namespace usher
