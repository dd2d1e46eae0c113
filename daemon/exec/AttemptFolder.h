#pragma once

#include "base/UniqueFd.h"
#include "domain/RunStore.h"
#include "exec/RunSpec.h"

#include <optional>
#include <string>

namespace usher {

/// One attempt's folder as the daemon sees it: what it writes before a leader exists, and what it can learn
/// afterwards about the leader and its result. Keeps the folder open once it was there. One thread.
class AttemptFolder {
public:
    AttemptFolder(std::string runsDir, std::string runId, int attempt);

    /// Makes the run's folder. Throws std::runtime_error that says what and why.
    void prepare() const;
    /// Did a leader begin this attempt?
    bool begun() const;
    std::optional<LeaderIdentity> identity() const;
    bool hasResult() const;
    /// By the journal's line {"t":"end"}. Nothing when it is not whole. Throws std::runtime_error when it
    /// cannot be understood.
    std::optional<RunOutcome> resultIn(const Json& end) const;
    /// Of a test that was not the run's last.
    std::optional<RunTest> testResult(int position) const;
    /// A connection to the leader's control.sock; empty when nobody listens (yet: Control.h).
    UniqueFd connect() const;
    /// The attempt's folder, -1 when there is none (yet). Stays this object's.
    int descriptor() const;

private:
    UniqueFd openRun() const;

    std::string _runsDir, _runId;
    int _attempt;
    mutable UniqueFd _folder;
};

} // namespace usher
