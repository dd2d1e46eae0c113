#pragma once

#include "base/UniqueFd.h"
#include "domain/RunStore.h"
#include "exec/RunSpec.h"

#include <optional>
#include <string>

namespace usher {

/// One attempt's folder as the daemon sees it: what it writes before a leader exists, and what it can learn
/// afterwards about the leader and its result. Holds no state but paths; [any-thread].
class AttemptFolder {
public:
    AttemptFolder(std::string runsDir, std::string runId, int attempt);

    /// Makes the run's folder. Throws std::runtime_error that says what and why.
    void prepare() const;
    /// Did a leader begin this attempt?
    bool begun() const;
    std::optional<LeaderIdentity> identity() const;
    bool hasResult() const;
    /// Throws std::runtime_error when the file is there and cannot be understood.
    std::optional<RunOutcome> result() const;
    std::optional<RunTest> testResult(int position) const;
    /// A connection to the leader's control.sock; empty when nobody listens (yet: Control.h).
    UniqueFd connect() const;
    /// The attempt's folder, empty when there is none.
    UniqueFd open() const;

private:
    UniqueFd openRun() const;

    std::string _runsDir, _runId;
    int _attempt;
};

} // namespace usher
