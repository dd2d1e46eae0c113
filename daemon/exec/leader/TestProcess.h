#pragma once

#include "base/UniqueFd.h"
#include "domain/Run.h"
#include "exec/LeaderOrder.h"
#include "exec/leader/Box.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace usher {

struct ClaimedRun;
struct TestToRun;

/// All that is decided about a test's process before it is made.
struct TestPlan {
    std::string program; ///< a path
    std::vector<std::string> arguments;
    Environment environment;
    std::string workFolder;
    std::optional<uid_t> uid;
    std::int64_t memoryLimitBytes = 0;
    std::int64_t fileLimitBytes = 0;
};

/// "test-0.sh"
std::string scriptName(const ExecConfig& config, const TestToRun& test);
/// The script as it is to be run: decoded when it came in as base64.
std::string scriptText(const TestToRun& test);
/// The plan, or why there is none: "interpreter not installed: k6". `temporary`: what TMPDIR shall be.
std::variant<TestPlan, std::string> planTest(const LeaderOrder& order, const ClaimedRun& run,
                                             const TestToRun& test, const Box& box,
                                             const std::string& temporary);

struct StartedTest {
    pid_t pid = -1;      ///< also its process group and session
    UniqueFd output;     ///< its stdout and stderr; non-blocking
    std::string problem; ///< not empty: there is no process, and why
};
/// Forks and executes. Blocks until the program is executed or could not be.
StartedTest startTest(const TestPlan& plan);

} // namespace usher
