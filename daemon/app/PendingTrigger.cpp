#include "app/PendingTrigger.h"

#include "base/Text.h"

#include <algorithm>

namespace usher {

namespace {

/// The plugin said what its window held after this request; the request gives its place back, and what the
/// caller reads must say so.
void showGivenBack(TriggerAnswer& answer) {
    if (!answer.limits || answer.limits->remaining >= answer.limits->limit) return;
    const std::string before = std::to_string(answer.limits->remaining);
    const std::string after = std::to_string(++answer.limits->remaining);
    for (auto& [name, value] : answer.fields)
        if (value == before && (equalsIgnoreCase(name, "RateLimit-Remaining") ||
                                equalsIgnoreCase(name, "X-RateLimit-Remaining")))
            value = after;
}

} // namespace

void PendingTrigger::giveBack() {
    if (settlements.empty()) return; // it was refused, or settled as unknown: nothing comes back
    for (auto& settlement : settlements) settlement->abandoned();
    settlements.clear();
    showGivenBack(answer);
}

void PendingTrigger::keepCosts() {
    answer.unknown = true;
    for (auto& settlement : settlements) settlement->unknown();
    settlements.clear();
}

void PendingTrigger::accept() {
    answered = true;
    for (auto& settlement : settlements) settlement->accepted(run.runId);
    settlements.clear();
    answer.result = std::move(made);
    done(answer);
}

void PendingTrigger::refuse(Refusal refusal) {
    answered = true;
    giveBack();
    answer.result = std::move(refusal);
    done(answer);
}

void PendingTrigger::answerReplay(const Replay& replay) {
    if (replay.digest != idempotency->digest)
        return refuse({422,
                       "Idempotency mismatch",
                       "This Idempotency-Key was used with another body. Use a new key for a new request.",
                       "IDEMPOTENCY_MISMATCH",
                       {},
                       0});
    answerWithOther({jobId, replay.jobName, replay.runId, replay.triggeredBy, replay.queuedAt,
                     replay.position, replay.testCount, true, false});
}

void PendingTrigger::answerCoalesced(const Replay& queued) {
    const std::int64_t place = std::max<std::int64_t>(1, made.position - 1);
    answerWithOther({jobId, queued.jobName, queued.runId, queued.triggeredBy, queued.queuedAt, place,
                     queued.testCount, false, true});
}

void PendingTrigger::answerWithOther(TriggeredRun other) {
    answered = true;
    giveBack(); // no run was made: nothing is spent
    answer.result = std::move(other);
    done(answer);
}

} // namespace usher
