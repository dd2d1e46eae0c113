#include "app/TriggerRules.h"

#include "base/Json.h"
#include "base/Uuid.h"

namespace usher {

namespace {

std::string parametersToText(const Environment& parameters) {
    return parameters.empty() ? "{}" : toText(Json(parameters));
}

} // namespace

Refusal queueFull() {
    return {429,
            "Queue capacity limit reached",
            "Too many runs wait already. Try again when some have started.",
            "QUEUE_FULL",
            {},
            5};
}

Refusal jobBusy() {
    return {409,
            "Job is busy",
            "A run of this job is queued or running, and the job refuses more (onBusy). Trigger it again "
            "when that run has ended.",
            "JOB_BUSY",
            {},
            0};
}

std::optional<Refusal> judgeTrigger(PendingTrigger& pending, const std::optional<TriggerView>& view,
                                    ParameterRules& rules, Micros now) {
    if (!view)
        return Refusal{
            404, "Job not found", "No job has this id; it may have been deleted.", "JOB_NOT_FOUND", {}, 0};
    if (view->paused)
        return Refusal{
            409, "Job not available", "The job is paused. Resume it, then trigger again.", "JOB_PAUSED", {},
            0};
    if (view->testCount == 0)
        return Refusal{
            409, "No tests found for job", "Add tests to the job: PUT /api/jobs/{id}/tests.", "JOB_EMPTY", {},
            0};
    if (pending.bodyProblem) return pending.bodyProblem;
    auto applied = rules.apply(parametersFromJson(view->parametersJson), pending.parameters);
    if (auto* refusal = std::get_if<Refusal>(&applied)) return std::move(*refusal);
    NewRun& run = pending.run;
    run.runId = createUuid();
    run.jobId = pending.jobId;
    run.revision = view->revision;
    run.trigger = pending.kind;
    run.triggeredBy = pending.principal.name;
    run.principalId = pending.principal.id;
    run.parametersJson = parametersToText(std::get<Environment>(applied));
    run.priority = view->priority;
    run.queuedAt = now;
    run.idempotency = pending.idempotency;
    run.onBusy = view->onBusy;
    run.queueFull = false;
    pending.made = {pending.jobId,   view->jobName, run.runId, run.triggeredBy, run.queuedAt, 1,
                    view->testCount, false,         false};
    return std::nullopt;
}

} // namespace usher
