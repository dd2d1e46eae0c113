#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/RunJson.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

void list(Services& services, Context& context) {
    auto page = pageOf(context);
    if (!page) return;
    RunFilter filter;
    filter.page = *page;
    if (auto job = context.queryValue("jobId")) {
        filter.jobId = parseUuid(*job);
        if (!filter.jobId) return void(context.refuse(badRequest("jobId", "must be a job id (a UUID)")));
    }
    if (auto status = context.queryValue("status")) {
        filter.status = runStatusFrom(*status);
        if (!filter.status)
            return void(context.refuse(badRequest(
                "status", "must be queued, running, passed, failed, error, timeout, cancelled or lost")));
    }
    // A key sees what it started, unless its plugin gave it a role for this job; people see everything.
    if (!context.principal.id.starts_with("user:") && context.principal.role.empty())
        filter.principalId = context.principal.id;
    auto runs = services.runs.listRuns(filter);
    Json list = Json::array();
    for (const Run& run : runs.items) list.push_back(toJson(run, false));
    Json cursor = runs.nextCursor.empty() ? Json(nullptr) : Json(runs.nextCursor);
    context.reply(Reply::json(200, {{"runs", std::move(list)}, {"nextCursor", std::move(cursor)}}));
}

/// Loader for the list: the job whose runs are wanted, for plugins that know their jobs.
Fields jobOfList(Context& context) {
    auto job = context.queryValue("jobId");
    auto id = job ? parseUuid(*job) : std::nullopt;
    return id ? Fields{{"job_id", *id}} : Fields{};
}

void read(Services&, Context& context) {
    if (!runIdOf(context)) return;
    if (!context.run) return void(context.refuse(notFound("Run", "RUN_NOT_FOUND")));
    context.reply(Reply::json(200, toJson(*context.run)));
}

void cancel(Services& services, Context& context) {
    auto id = runIdOf(context);
    if (!id) return;
    if (auto refusal = unwantedBody(context.request())) return void(context.refuse(*refusal));
    switch (services.runs.requestCancel(*id, context.principal.id, services.clock.now())) {
    case RunStore::Cancel::notFound:
        context.refuse(notFound("Run", "RUN_NOT_FOUND"));
        return;
    case RunStore::Cancel::alreadyEnded:
        context.refuse(
            {409, "Run has ended", "Only a queued or running run can be cancelled.", "RUN_ENDED", {}, 0});
        return;
    case RunStore::Cancel::cancelled:
        if (context.run) services.gauge.left(context.run->jobId);
        services.feed.stateChanged(*id, RunStatus::cancelled, context.run ? context.run->attempt : 1);
        break;
    case RunStore::Cancel::requested:
        services.scheduler.cancel(*id);
        break;
    }
    auditChange(services, context, "run.cancel", "run:" + *id);
    auto run = services.runs.findRun(*id);
    if (!run) return void(context.refuse(notFound("Run", "RUN_NOT_FOUND")));
    context.reply(Reply::json(200, toJson(*run)));
}

void rerun(Services& services, const Shared& context) {
    if (!runIdOf(*context)) return;
    if (auto refusal = unwantedBody(context->request())) return void(context->refuse(*refusal));
    if (!context->run) return void(context->refuse(notFound("Run", "RUN_NOT_FOUND")));
    const Run& run = *context->run;
    Instant deadline = context->request().received + services.gate.settings().budget;
    services.triggers.submit(run.jobId, context->principal, "rerun", run.parameters, deadline,
                             [&services, context, rerun = "run:" + run.id](const TriggerAnswer& answer) {
                                 if (answer.unknown) context->admission->unknown();
                                 if (const auto* refusal = std::get_if<Refusal>(&answer.result)) {
                                     auditChange(services, *context, "run.rerun", rerun, "", refusal->code);
                                     context->refuse(*refusal);
                                     return;
                                 }
                                 const auto& made = std::get<TriggeredRun>(answer.result);
                                 auditChange(services, *context, "run.rerun", rerun,
                                             "made run:" + made.runId);
                                 if (made.coalesced)
                                     context->admission->giveBack();
                                 else
                                     context->admission->made(made.runId);
                                 Json data = {{"jobId", made.jobId},
                                              {"jobName", made.jobName},
                                              {"runId", made.runId},
                                              {"status", "queued"},
                                              {"position", made.position},
                                              {"testCount", made.testCount},
                                              {"triggeredBy", made.triggeredBy},
                                              {"triggeredAt", formatTime(made.triggeredAt)}};
                                 if (made.coalesced) data["coalesced"] = true;
                                 Reply reply = Reply::json(202, {{"success", true},
                                                                 {"message", "Job triggered successfully"},
                                                                 {"data", std::move(data)}});
                                 context->reply(std::move(reply.with("Location", "/api/runs/" + made.runId)));
                             });
}

} // namespace

void addRunRoutes(Router& router, Services& s) {
    auto attributes = runAttributes(s);
    router.add({"GET", "/api/runs", "run.list", [&s](Shared c) { list(s, *c); }, "id", jobOfList});
    router.add({"GET", "/api/runs/{id}", "run.read", [&s](Shared c) { read(s, *c); }, "id", attributes});
    router.add(
        {"POST", "/api/runs/{id}/cancel", "run.cancel", [&s](Shared c) { cancel(s, *c); }, "id", attributes});
    router.add(
        {"POST", "/api/runs/{id}/rerun", "run.rerun", [&s](Shared c) { rerun(s, c); }, "id", attributes});
}

} // namespace usher
