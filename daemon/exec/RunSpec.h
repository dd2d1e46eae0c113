#pragma once

#include "base/Json.h"
#include "domain/RunStore.h"

#include <sys/types.h>

#include <string>
#include <string_view>

namespace usher {

// The JSON forms of what daemon and leader hand each other in files. Readers throw std::runtime_error.

/// run.json: what is to be run.
std::string toRunJson(const ClaimedRun& run);
ClaimedRun runFromJson(std::string_view text);

/// result-N.json, and the entries of `tests` in result.json. The test that ends last has no file of its own.
Json toJson(const RunTest& test);
RunTest runTestFrom(const Json& json);

/// result.json.
std::string toResultJson(const RunOutcome& outcome);
RunOutcome outcomeFromJson(std::string_view text);

/// identity.json: which process leads an attempt.
struct LeaderIdentity {
    std::string bootId;
    int pid = 0;
    std::uint64_t startTicks = 0;
};
std::string toIdentityJson(const LeaderIdentity& identity);
std::optional<LeaderIdentity> identityFromJson(std::string_view text);

/// "attempt-3"
std::string attemptFolder(int attempt);
/// "u59981": beside the runs, what is kept for the tests of this user (leader/Temporary.h).
std::string userFolder(uid_t uid);
/// What a test is in the run's results before it began.
RunTest pendingTest(const TestToRun& test);

} // namespace usher
