#pragma once

#include "base/Json.h"
#include "domain/RunStore.h"

#include <sys/types.h>

#include <string>
#include <string_view>

namespace usher {

// The JSON forms of what daemon and leader hand each other. Readers throw std::runtime_error.

/// What is to be run, secrets included: for memory only (RunHandover.h).
std::string toRunJson(const ClaimedRun& run);
ClaimedRun runFromJson(std::string_view text);

/// result-N.json, and the entries of `tests` in result.json. The test that ends last has no file of its own.
Json toJson(const RunTest& test);
RunTest runTestFrom(const Json& json);

/// How an attempt ended, as its leader writes it down. outcomeFrom() throws std::runtime_error.
Json toJson(const RunOutcome& outcome);
RunOutcome outcomeFrom(const Json& json);
/// Of result.json.
RunOutcome outcomeFromJson(std::string_view text);

/// Which process leads an attempt: the first line of its journal.
struct LeaderIdentity {
    std::string bootId;
    int pid = 0;
    std::uint64_t startTicks = 0;
};
Json toJson(const LeaderIdentity& identity);
std::optional<LeaderIdentity> identityFrom(const Json& entry);

/// "attempt-3"
std::string attemptFolder(int attempt);
/// "u59981": beside the runs, what is kept for the tests of this user (leader/Temporary.h).
std::string userFolder(uid_t uid);
/// What a test is in the run's results before it began.
RunTest pendingTest(const TestToRun& test);

} // namespace usher
