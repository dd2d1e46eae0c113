#pragma once

#include "app/TriggerRequest.h"
#include "domain/TriggerStore.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace usher {

/// A request that was judged by the chain and waits for the committer; whoever holds it works on it alone.
/// The functions below answer it: one of them, once. Every answer that makes no run gives back what the
/// check cost.
struct PendingTrigger {
    TriggerDone done;
    std::string jobId;
    std::string kind = "remote";
    Principal principal;
    std::vector<std::unique_ptr<Settlement>> settlements;
    TriggerAnswer answer; ///< carries the verdict's fields from the start
    std::optional<IdempotencyKey> idempotency;
    Environment parameters;
    std::optional<Refusal> bodyProblem;
    /// The verdict refused for a limit: only a known replay may be answered.
    std::optional<Refusal> unlessReplay;
    Instant deadline;
    bool answered = false;

    // Filled in by judgeTrigger().
    NewRun run;
    TriggeredRun made;

    /// The run is committed: the check is paid for.
    void accept();
    void refuse(Refusal refusal);
    /// With the run that the Idempotency-Key was used for, or 422 when that was another body.
    void answerReplay(const Replay& replay);
    /// With the job's run that is queued already.
    void answerCoalesced(const Replay& queued);
    /// Nobody can say whether the commit happened: what the check cost is kept, and the same Idempotency-Key
    /// finds the run. Not an answer: refuse() follows.
    void keepCosts();

private:
    void giveBack();
    void answerWithOther(TriggeredRun other);
};

} // namespace usher
