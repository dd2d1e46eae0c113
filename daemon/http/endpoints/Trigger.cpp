#include "app/Words.h"
#include "base/Digest.h"
#include "base/Text.h"
#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/EndWait.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

/// Everything that the plugins are told but the request's id and its body: any of it may prove who asks, for
/// a plugin decides itself where it looks. Equal requests of different people must not share a flight.
std::string credentialOf(const AuthRequest& question) {
    std::string all = question.method + ' ' + question.target + '\n' + question.peerAddress + '\n' +
                      question.tlsClientFingerprint + '\n';
    for (const Fields* fields : {&question.headers, &question.attributes})
        for (const auto& [name, value] : *fields)
            all += std::to_string(name.size()) + ' ' + std::to_string(value.size()) + ' ' + name + value;
    return all;
}

Reply accepted(const TriggeredRun& run, const Fields& fields) {
    // Written out: this is the hot path, and a JSON tree for each answer would be felt.
    std::string body;
    body.reserve(420);
    body += R"({"success":true,"message":"Job triggered successfully","data":{"jobId":")" + run.jobId +
            R"(","jobName":)" + toText(Json(run.jobName)) + R"(,"runId":")" + run.runId +
            R"(","status":"queued","position":)" + std::to_string(std::max<std::int64_t>(1, run.position)) +
            R"(,"testCount":)" + std::to_string(run.testCount) + R"(,"triggeredBy":)" +
            toText(Json(run.triggeredBy)) + R"(,"triggeredAt":")" + formatTime(run.triggeredAt) + '"' +
            (run.coalesced ? R"(,"coalesced":true)" : "") + "}}";
    Reply reply{202,
                {{"Content-Type", "application/json"}, {"Location", "/api/runs/" + run.runId}},
                std::move(body),
                false};
    if (run.replayed) reply.with("Idempotent-Replayed", "true");
    for (const auto& [name, value] : fields) reply.with(name, value);
    return reply;
}

/// The Idempotency-Key field; a refusal when it is malformed or sent twice.
std::variant<std::optional<std::string>, Refusal> idempotencyKeyOf(const HttpRequest& request) {
    std::optional<std::string> key;
    for (const auto& [name, value] : request.head) {
        if (!equalsIgnoreCase(name, "Idempotency-Key")) continue;
        if (key) return badRequest("Idempotency-Key", "send it once");
        key = value;
    }
    if (key && !isIdempotencyKey(*key)) return badRequest("Idempotency-Key", "must be 1 to 255 characters");
    return key;
}

void finish(Services& services, const std::shared_ptr<Exchange>& exchange,
            const std::shared_ptr<const AuthRequest>& question, const TriggerAnswer& answer,
            std::int64_t wait) {
    if (const auto* run = std::get_if<TriggeredRun>(&answer.result)) {
        services.metrics.countTrigger(run->coalesced ? "coalesced" : run->replayed ? "replayed" : "accepted");
        if (wait == 0) {
            exchange->reply(accepted(*run, answer.fields));
            return;
        }
        Fields fields = answer.fields;
        if (run->replayed) fields.emplace_back("Idempotent-Replayed", "true");
        auto late = [run = *run, fields = answer.fields] { return accepted(run, fields); };
        EndWait::begin({services.runs, services.feed, services.timers, services.pool}, exchange, run->runId,
                       std::chrono::seconds(wait), std::move(late), std::move(fields));
        return;
    }
    const Refusal& refusal = std::get<Refusal>(answer.result);
    services.metrics.countTrigger(refusal.code);
    Reply reply = toReply(refusal, exchange->request().id, answer.fields);
    services.gate.refuse(exchange, *question, std::move(reply), refusal, answer.guess, answer.principalId,
                         answer.auditMessage);
}

/// Refused before anybody looked at a credential.
void refuseUnasked(Services& services, const std::shared_ptr<Context>& context, const Refusal& refusal) {
    services.metrics.countTrigger(refusal.code);
    auto id = parseUuid(context->param("id"));
    auto question = services.gate.question(context->request(), "job.trigger", id.value_or(""));
    services.gate.refuse(context->exchange, *question, toReply(refusal, context->request().id), refusal,
                         false, "", "");
}

void trigger(Services& services, const std::shared_ptr<Context>& context) {
    const HttpRequest& request = context->request();
    if (auto refusal = wrongContentType(request)) return refuseUnasked(services, context, *refusal);
    auto id = parseUuid(context->param("id"));
    if (!id) return refuseUnasked(services, context, invalidJobId());
    std::int64_t wait = 0;
    if (auto text = context->queryValue("wait")) wait = parseInteger(*text).value_or(-1);
    TriggerRequest trigger;
    trigger.jobId = *id;
    trigger.body = parseTriggerBody(request.body);
    auto key = idempotencyKeyOf(request);
    // After the key's own verdict, like every other fault of the request; and without the Idempotency-Key, so
    // that it joins no flight of requests that lack the fault.
    if (wait < 0 || wait > 300)
        trigger.body = badRequest("wait", "must be a whole number of seconds from 0 to 300");
    else if (auto* refusal = std::get_if<Refusal>(&key))
        trigger.body = *refusal;
    else
        trigger.idempotencyKey = std::get<std::optional<std::string>>(key);
    auto question = services.gate.question(request, "job.trigger", *id, *id);
    bool replayable = trigger.idempotencyKey || (std::holds_alternative<TriggerBody>(trigger.body) &&
                                                 std::get<TriggerBody>(trigger.body).idempotencyKey);
    if (replayable) {
        trigger.digest = toHex(sha256(request.body));
        trigger.credentialDigest = sha256(credentialOf(*question));
    }
    trigger.question = question;
    auto askers =
        services.triggers.trigger(std::move(trigger), [&services, exchange = context->exchange, question,
                                                       wait](const TriggerAnswer& answer) {
            finish(services, exchange, question, answer, wait);
        });
    if (askers) context->exchange->onAbandoned([askers] { askers->leave(); });
}

} // namespace

void addTriggerRoutes(Router& router, Services& services) {
    router.add({.method = "POST",
                .pattern = "/api/jobs/{id}/trigger",
                .action = "",
                .handler = [&services](std::shared_ptr<Context> context) { trigger(services, context); },
                .resourceParam = "id",
                .load = {},
                .bodyLimit = 64 * 1024});
}

} // namespace usher
