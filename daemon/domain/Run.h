#pragma once

#include "base/Clock.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

enum class RunStatus { queued, running, passed, failed, error, timeout, cancelled, lost };
enum class TestStatus { pending, running, passed, failed, error, timeout, cancelled, skipped };

std::string_view toText(RunStatus status);
std::string_view toText(TestStatus status);
std::optional<RunStatus> runStatusFrom(std::string_view text);
std::optional<TestStatus> testStatusFrom(std::string_view text);
/// True for everything but queued and running.
bool hasEnded(RunStatus status);

using Environment = std::map<std::string, std::string>;

/// One test of a run: what it was when the run was triggered, and how it went.
struct RunTest {
    int position = 0; ///< from 0, the order in which they run
    std::string testId;
    std::string title;
    std::string type;
    TestStatus status = TestStatus::pending;
    std::optional<int> exitCode;
    std::optional<int> signal;
    std::optional<Micros> startedAt;
    std::optional<Micros> completedAt;
    std::optional<std::int64_t> durationMs;
    std::int64_t outputBytes = 0; ///< what the test wrote, also the part that was cut
    bool truncated = false;
    std::string errorDetails;     ///< why it could not run: "interpreter not installed: k6"
    std::string casesJson = "[]"; ///< [{"name", "status", "durationMs", "message"}]
};

/// A transition, kept for the timeline.
struct RunEvent {
    Micros at = 0;
    std::string type; ///< queued, claimed, started, cancel-requested, passed, …, lost, requeued
    std::string nodeId;
    int attempt = 1;
    std::string detail;
};

struct Run {
    std::string id;
    std::string jobId;
    std::string jobName;
    RunStatus status = RunStatus::queued;
    std::string trigger = "remote"; ///< remote, manual, rerun, schedule
    std::string triggeredBy;        ///< for people: the key's or the user's name
    std::string principalId;        ///< who may read it back: "api-key:…" or "user:…"
    int attempt = 1;
    std::int64_t leaseEpoch = 0;
    std::int64_t revision = 1; ///< of the job, names the ordered tests
    Environment parameters;
    std::string nodeId;
    std::string sandbox; ///< what was really in force
    Micros queuedAt = 0;
    std::optional<Micros> startedAt;
    std::optional<Micros> completedAt;
    std::optional<std::int64_t> durationMs;
    std::optional<int> exitCode;
    std::optional<int> signal;
    std::string errorDetails;
    bool cancelRequested = false;
    std::vector<RunTest> tests;     ///< filled by findRun() only
    std::vector<RunEvent> timeline; ///< filled by findRun() only
};

} // namespace usher
