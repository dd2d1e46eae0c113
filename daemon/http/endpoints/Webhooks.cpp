#include "app/WebhookMessages.h"
#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

Refusal webhookNotFound() {
    return notFound("Webhook", "WEBHOOK_NOT_FOUND");
}

std::optional<std::string> webhookIdOf(Context& context) {
    auto id = parseUuid(context.param("webhookId"));
    if (!id)
        context.refuse({400,
                        "Invalid webhook ID format",
                        "An id is a UUID, for example 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e.",
                        "INVALID_WEBHOOK_ID",
                        {},
                        0});
    return id;
}

Json toJson(const Webhook& w) {
    Json last = nullptr;
    if (w.lastAt)
        last = {{"at", formatTime(*w.lastAt)},
                {"status", w.lastStatus ? Json(*w.lastStatus) : Json(nullptr)},
                {"error", w.lastError.empty() ? Json(nullptr) : Json(w.lastError)}};
    return {{"id", w.id},
            {"jobId", w.jobId},
            {"url", w.url},
            {"events", w.events},
            {"waiting", w.waiting},
            {"lastDelivery", std::move(last)},
            {"createdAt", formatTime(w.createdAt)},
            {"updatedAt", formatTime(w.updatedAt)}};
}

void readEvents(BodyReader& body, Webhook& webhook) {
    if (const Json* list = body.value("events")) {
        webhook.events.clear();
        if (list->is_array() && !list->empty() && list->size() <= 20)
            for (const Json& event : *list)
                webhook.events.push_back(event.is_string() ? event.get<std::string>() : "");
    }
    const auto statuses = statusesOf(webhook.events);
    if (webhook.events.empty() || !statuses)
        return body.fault("events",
                          "must be a list of run.queued, run.running, run.passed, run.failed, run.error, "
                          "run.timeout, run.cancelled, run.lost; run.ended means every end, * everything");
    webhook.statuses = *statuses;
}

/// Overwrites what the body names; the names, or nothing when it was refused.
std::optional<std::string> readSettings(Services& services, Context& context, Webhook& webhook,
                                        bool creating) {
    BodyReader body(context.request());
    const auto url = body.text("url", 1, 2048, creating, true);
    if (url) webhook.url = *url;
    readEvents(body, webhook);
    // Asks the resolver: only for what is new.
    if (url)
        if (auto problem = services.webhookSender.problemWith(webhook.url)) body.fault("url", *problem);
    if (auto refusal = body.problem()) {
        context.refuse(*refusal);
        return std::nullopt;
    }
    return body.names();
}

void list(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    if (!services.jobs.findJob(*job)) return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    Json webhooks = Json::array();
    for (const Webhook& webhook : services.webhooks.webhooksOf(*job)) webhooks.push_back(toJson(webhook));
    context.reply(Reply::json(200, {{"success", true}, {"webhooks", std::move(webhooks)}}));
}

void create(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    if (!services.jobs.findJob(*job)) return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    Webhook webhook;
    webhook.id = createUuid();
    webhook.jobId = *job;
    webhook.events = defaultEvents();
    webhook.createdAt = webhook.updatedAt = services.clock.now();
    if (!readSettings(services, context, webhook, true)) return;
    if (!services.secrets.configured())
        return void(context.refuse({409,
                                    "Secrets not configured",
                                    "The server has no key to encrypt signing secrets with: set [secrets] "
                                    "key_file.",
                                    "SECRETS_NOT_CONFIGURED",
                                    {},
                                    0}));
    const std::string secret = createWebhookSecret();
    webhook.sealed = services.secrets.sealFor(webhook.id, secret);
    switch (services.webhooks.createWebhook(webhook)) {
    case WebhookStore::Change::jobNotFound:
        return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    case WebhookStore::Change::tooMany:
        return void(context.refuse({409,
                                    "Maximum of 20 webhooks per job reached",
                                    "Delete one that is no longer needed.",
                                    "TOO_MANY_WEBHOOKS",
                                    {},
                                    0}));
    case WebhookStore::Change::done:
        break;
    }
    auditChange(services, context, "webhook.create", "job:" + *job, webhook.id);
    Json json = toJson(webhook);
    json["secret"] = secret; // here and nowhere else, ever
    Reply reply = Reply::json(201, {{"success", true}, {"webhook", std::move(json)}});
    context.reply(std::move(reply.with("Location", "/api/jobs/" + *job + "/webhooks/" + webhook.id)));
}

void update(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    auto id = webhookIdOf(context);
    if (!id) return;
    untilWritten([&] {
        const auto seen = services.webhooks.findWebhook(*job, *id);
        if (!seen) return context.refuse(webhookNotFound()), true;
        Webhook webhook = *seen;
        const auto changed = readSettings(services, context, webhook, false);
        if (!changed) return true;
        webhook.updatedAt = std::max(services.clock.now(), seen->updatedAt + 1);
        if (!services.webhooks.updateWebhook(*seen, webhook)) return false;
        auditChange(services, context, "webhook.update", "job:" + *job, *id + " " + *changed);
        context.reply(Reply::json(200, {{"success", true}, {"webhook", toJson(webhook)}}));
        return true;
    });
}

void remove(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    auto id = webhookIdOf(context);
    if (!id) return;
    if (!services.webhooks.deleteWebhook(*job, *id)) return void(context.refuse(webhookNotFound()));
    auditChange(services, context, "webhook.delete", "job:" + *job, *id);
    context.reply(Reply::json(200, {{"success", true}, {"message", "Webhook deleted successfully"}}));
}

} // namespace

void addWebhookRoutes(Router& router, Services& s) {
    const std::string all = "/api/jobs/{id}/webhooks", one = all + "/{webhookId}";
    router.add({"GET", all, "webhook.list", [&s](Shared c) { list(s, *c); }});
    router.add({"POST", all, "webhook.create", [&s](Shared c) { create(s, *c); }});
    router.add({"PATCH", one, "webhook.update", [&s](Shared c) { update(s, *c); }});
    router.add({"DELETE", one, "webhook.delete", [&s](Shared c) { remove(s, *c); }});
}

} // namespace usher
