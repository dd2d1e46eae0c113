// webhook list, add, update, delete.
#include "base/Text.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/Credentials.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

std::string pathOf(Context& context) {
    return "/api/jobs/" + context.jobId(context.argument(0)) + "/webhooks";
}

std::string oneOf(Context& context) {
    context.client();
    return pathOf(context) + "/" + percentEncode(context.argument(1));
}

std::string eventsOf(const Json& webhook) {
    std::string text;
    for (const Json& event : memberOf(webhook, "events"))
        if (event.is_string()) text += (text.empty() ? "" : " ") + event.get<std::string>();
    return text;
}

/// "204", "connection refused", or nothing yet.
std::string lastOf(const Json& webhook) {
    const Json& last = memberOf(webhook, "lastDelivery");
    if (!last.is_object()) return "-";
    const std::string error = textOf(last, "error");
    return error.empty() ? std::to_string(numberOf(last, "status")) : error;
}

int list(Context& context) {
    Json answer = context.client().get(pathOf(context));
    Table table({"ID", "URL", "EVENTS", "WAITING", "LAST (UTC)", "LAST ANSWER"});
    for (const Json& w : memberOf(answer, "webhooks"))
        table.add({textOf(w, "id"), textOf(w, "url"), eventsOf(w), std::to_string(numberOf(w, "waiting")),
                   timeOf(memberOf(w, "lastDelivery"), "at"), lastOf(w)});
    return context.print(answer, table.empty() ? "No webhooks yet.\n" : table.text());
}

int add(Context& context) {
    context.client();
    Json fields{{"url", context.argument(1)}};
    if (auto events = context.all("event"); !events.empty()) fields["events"] = events;
    Json answer = context.client().send("POST", pathOf(context), fields).body;
    const Json& webhook = memberOf(answer, "webhook");
    const std::string id = textOf(webhook, "id"), secret = textOf(webhook, "secret");
    if (auto file = context.find("output")) {
        try {
            writeSecretFile(*file, secret + "\n");
        } catch (const UsageError& e) { // this was its only copy
            throw UsageError(e.what(), "the webhook was made all the same; usherctl webhook delete " + id);
        }
        answer["webhook"].erase("secret");
        return context.print(answer, "Webhook " + id + " is set; its signing secret is in " +
                                         harmless(*file) + ".\n");
    }
    return context.print(answer, "Webhook " + id + " is set. Its signing secret, shown this once:\n" +
                                     harmless(secret) + "\n");
}

int update(Context& context) {
    Json fields = Json::object();
    if (auto url = context.find("url")) fields["url"] = *url;
    if (auto events = context.all("event"); !events.empty()) fields["events"] = events;
    if (fields.empty()) throw UsageError("nothing to change", "name at least one of --url, --event");
    Json answer = context.client().send("PATCH", oneOf(context), fields).body;
    return context.print(answer, "Webhook " + harmless(context.argument(1)) + " is changed.\n");
}

int remove(Context& context) {
    Json answer = context.client().send("DELETE", oneOf(context)).body;
    return context.print(answer, "Webhook " + harmless(context.argument(1)) + " is deleted.\n");
}

} // namespace

void addWebhookCommands(std::vector<Command>& commands) {
    const Option event{"event", "EVENT", "what to tell of; may be repeated (default: run.ended)", true};
    commands.push_back({"webhook list",
                        "JOB",
                        "who is told of a job's runs",
                        1,
                        1,
                        {},
                        "Example\n  usherctl webhook list nightly",
                        list});
    commands.push_back(
        {"webhook add",
         "JOB URL",
         "tell an URL when runs of a job change",
         2,
         2,
         {event, {"output", "FILE", "write the signing secret to a new file (0600) instead of showing it"}},
         "EVENT is run.queued, run.running, run.passed, run.failed, run.error, run.timeout, run.cancelled,\n"
         "run.lost, run.ended for every end, or * for all. Messages are signed as Standard Webhooks has it:\n"
         "webhook-id, webhook-timestamp, webhook-signature. What is not answered with 2xx is sent again, for "
         "a\n"
         "day at most; the same message may come twice, with the same webhook-id.\n\n"
         "Examples\n"
         "  usherctl webhook add nightly https://ci.example.org/hooks/usher --output hook.secret\n"
         "  usherctl webhook add nightly https://chat.example.org/in --event run.failed --event run.error",
         add});
    commands.push_back(
        {"webhook update",
         "JOB WEBHOOK",
         "change where or what to tell",
         2,
         2,
         {{"url", "URL", "the new address"}, event},
         "Example\n  usherctl webhook update nightly 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e --event "
         "run.failed",
         update});
    commands.push_back({"webhook delete",
                        "JOB WEBHOOK",
                        "stop telling; what still waits is dropped",
                        2,
                        2,
                        {},
                        "Example\n  usherctl webhook delete nightly 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e",
                        remove});
}

} // namespace usher::ctl
