#pragma once

#include "domain/Run.h"
#include "exec/Cgroup.h"
#include "exec/Credentials.h"
#include "exec/LeaderOrder.h"
#include "exec/Sandbox.h"
#include "exec/leader/Box.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace usher {

struct ClaimedRun;
struct TestToRun;
class SyscallFilter;

/// All that is decided about a test's process before it is made.
struct TestPlan {
    std::string program; ///< a path
    std::vector<std::string> arguments;
    Environment environment;
    std::string workFolder;
    std::optional<TestUser> user;
    Cgroup cgroup; ///< it is born there; none: in the leader's
    /// A keeper stands between us and the test (Keeper.h): several tests run at once, or it is sandboxed.
    bool kept = false;
    std::optional<SandboxPlan> sandbox;    ///< profile strict
    const SyscallFilter* filter = nullptr; ///< profile strict
    std::int64_t memoryLimitBytes = 0;
    std::int64_t fileLimitBytes = 0;
};

/// "test-0.sh"
std::string scriptName(const ExecConfig& config, const TestToRun& test);
/// The script as it is to be run: decoded when it came in as base64.
std::string scriptText(const TestToRun& test);
/// The plan, or why there is none: "interpreter not installed: k6". `temporary`: what TMPDIR shall be.
std::variant<TestPlan, std::string> planTest(const LeaderOrder& order, const ExecConfig& config,
                                             const ClaimedRun& run, const TestToRun& test, const Box& box,
                                             std::optional<TestUser> user, const std::string& temporary);

} // namespace usher
