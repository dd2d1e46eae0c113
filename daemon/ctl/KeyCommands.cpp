// key create, list, update, disable, enable, rotate, delete; keys harden.
#include "base/Text.h"
#include "base/Uuid.h"
#include "ctl/Amounts.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

const Json& keyIn(const Json& answer) {
    return memberOf(answer, "apiKey").is_object() ? memberOf(answer, "apiKey") : answer;
}

std::string showRate(const Json& rate) {
    if (!rate.is_object()) return "none";
    return std::to_string(numberOf(rate, "max")) + "/" + std::to_string(numberOf(rate, "windowSeconds")) +
           "s";
}

/// The secret, once: into a file of the person's own, or on standard output. Returns what a person is told.
std::string handOver(Context& context, const Json& answer) {
    const Json& key = keyIn(answer);
    std::string secret = textOf(key, "key");
    if (secret.empty()) throw std::runtime_error("the server's answer holds no key");
    std::string told =
        "Key " + harmless(textOf(key, "name")) + " is made: " + harmless(textOf(key, "id")) + "\n";
    if (auto file = context.find("output")) {
        try {
            writeSecretFile(*file, secret + "\n");
        } catch (const UsageError& e) {
            // The key exists and this was its only copy: better a key without a holder than one that nobody
            // knows of.
            throw UsageError(e.what(), "the key was made all the same; usherctl key rotate or delete " +
                                           harmless(textOf(key, "id")));
        }
        return told + "It is in " + *file + ", and nowhere else: the server keeps only its digest.\n";
    }
    if (!context.json())
        context.io().err << "warning: this is the only time that the key is shown; keep it now\n";
    return told + harmless(secret) + "\n";
}

int finishWithKey(Context& context, const Json& answer) {
    std::string told = handOver(context, answer);
    Json shown = answer;
    // A file was asked for so that the secret is not on the screen, in JSON either.
    if (context.find("output") && shown.contains("apiKey")) shown["apiKey"].erase("key");
    context.print(shown, told);
    if (!context.json())
        context.io().out << "Next: usherctl trigger " << harmless(textOf(keyIn(answer), "jobId"))
                         << " --key-file FILE --wait\n";
    return 0;
}

void refuseExistingOutput(Context& context) {
    if (auto file = context.find("output"))
        if (readFile(*file).has_value())
            throw UsageError(*file + " exists already", "choose another file, or delete that one first");
}

/// What create and update take alike; never, none and any take a setting away.
Json settingsOf(Context& context) {
    Json body = Json::object();
    if (auto name = context.find("name")) body["name"] = *name;
    if (auto text = context.find("expires-in")) {
        std::optional<std::int64_t> seconds = parseDuration(*text);
        if (*text == "never")
            body["expiresIn"] = nullptr;
        else if (seconds)
            body["expiresIn"] = *seconds;
        else
            throw UsageError("--expires-in: neither never nor a time like 90d, 12h or 3600: " +
                             oneLine(*text, 40));
    }
    if (auto text = context.find("rate-limit")) {
        std::optional<Rate> rate = parseRate(*text);
        if (*text == "none")
            body["rateLimit"] = nullptr;
        else if (rate)
            body["rateLimit"] = {{"max", rate->max}, {"windowSeconds", rate->windowSeconds}};
        else
            throw UsageError("--rate-limit: neither none nor like 100/60s: " + oneLine(*text, 40));
    }
    if (context.find("uses") == "any")
        body["remaining"] = nullptr;
    else if (auto uses = context.integer("uses", 0, 2'147'483'647))
        body["remaining"] = *uses;
    const std::vector<std::string> networks = context.all("allow");
    if (networks == std::vector<std::string>{"any"})
        body["allowedAddresses"] = nullptr;
    else
        for (const std::string& network : networks) body["allowedAddresses"].push_back(network);
    return body;
}

int create(Context& context) {
    refuseExistingOutput(context);
    context.required("name");
    Json body = settingsOf(context);
    std::string job = context.jobId(context.argument(0));
    return finishWithKey(context, context.client().send("POST", "/api/jobs/" + job + "/api-keys", body).body);
}

Json keysOf(Context& context, const std::string& job) {
    return context.client().get("/api/jobs/" + job + "/api-keys");
}

int list(Context& context) {
    std::string job = context.jobId(context.argument(0));
    Json answer = keysOf(context, job);
    Table table({"ID", "NAME", "START", "STATE", "EXPIRES", "RATE", "USES LEFT", "USED", "LAST USED", "BY"});
    for (const Json& key : memberOf(answer, "apiKeys"))
        table.add({textOf(key, "id"), textOf(key, "name"), textOf(key, "start") + "…",
                   flagOf(key, "enabled") ? "enabled" : "disabled", timeOf(key, "expiresAt"),
                   showRate(memberOf(key, "rateLimit")),
                   memberOf(key, "remaining").is_number() ? std::to_string(numberOf(key, "remaining")) : "-",
                   std::to_string(numberOf(key, "requestCount")), timeOf(key, "lastRequest"),
                   textOf(key, "createdByName")});
    return context.print(answer, table.empty() ? "This job has no keys yet.\n" : table.text());
}

/// KEY is the id, or the name of a key of this job.
std::string keyPath(Context& context) {
    std::string job = context.jobId(context.argument(0));
    const std::string& wanted = context.argument(1);
    const Json keys = keysOf(context, job); // a range-for keeps no temporary of a temporary alive
    for (const Json& key : memberOf(keys, "apiKeys"))
        if (textOf(key, "id") == wanted || textOf(key, "name") == wanted ||
            (parseUuid(wanted) && textOf(key, "id") == *parseUuid(wanted)))
            return "/api/jobs/" + job + "/api-keys/" + percentEncode(textOf(key, "id"));
    throw UsageError("this job has no key " + harmless(wanted), "usherctl key list JOB shows its keys");
}

int update(Context& context) {
    const Json body = settingsOf(context);
    if (body.empty())
        throw UsageError("nothing to change", "give --name, --expires-in, --rate-limit, --uses or --allow");
    Json answer = context.client().send("PATCH", keyPath(context), body).body;
    return context.print(answer, "Changed, at once and on every node.\n");
}

int setEnabled(Context& context, bool enabled) {
    Json answer = context.client().send("PATCH", keyPath(context), Json{{"enabled", enabled}}).body;
    return context.print(answer, enabled ? "Enabled.\n" : "Disabled: from now on it opens nothing.\n");
}

int enable(Context& context) {
    return setEnabled(context, true);
}
int disable(Context& context) {
    return setEnabled(context, false);
}

int remove(Context& context) {
    Json answer = context.client().send("DELETE", keyPath(context)).body;
    return context.print(answer, "Deleted: from now on it opens nothing.\n");
}

int rotate(Context& context) {
    refuseExistingOutput(context);
    Json body = Json::object();
    if (auto text = context.find("grace")) {
        std::optional<std::int64_t> seconds = parseDuration(*text);
        if (!seconds) throw UsageError("--grace: not a time like 1h or 600: " + oneLine(*text, 40));
        body["graceSeconds"] = *seconds;
    }
    return finishWithKey(context, context.client().send("POST", keyPath(context) + "/rotate", body).body);
}

int harden(Context& context) {
    std::int64_t hex = 0, clear = 0, unchanged = 0;
    Json skipped = Json::array(), cursor = nullptr;
    do {
        const Json answer =
            context.client().send("POST", "/api/api-keys/harden", Json{{"cursor", cursor}}).body;
        hex += numberOf(memberOf(answer, "rewritten"), "hex");
        clear += numberOf(memberOf(answer, "rewritten"), "clear");
        unchanged += numberOf(answer, "unchanged");
        for (const Json& id : memberOf(answer, "skipped")) skipped.push_back(id);
        const Json next = memberOf(answer, "nextCursor");
        if (next == cursor && next.is_string()) throw std::runtime_error("the server does not get on");
        cursor = next;
    } while (cursor.is_string());
    std::string text = "Rewritten: " + std::to_string(hex) + " from hex, " + std::to_string(clear) +
                       " from the clear. In today's form already: " + std::to_string(unchanged) + ".\n";
    if (!skipped.empty()) text += "Left alone, in a form that is not known:\n";
    for (const Json& id : skipped)
        if (id.is_string()) text += "  " + harmless(id.get<std::string>()) + "\n";
    return context.print(
        Json{{"rewritten", {{"hex", hex}, {"clear", clear}}}, {"unchanged", unchanged}, {"skipped", skipped}},
        text);
}

} // namespace

void addKeyCommands(std::vector<Command>& commands) {
    const Option output{"output", "FILE", "write the key to this new file (0600) instead of showing it"};
    const std::string keyHelp = "KEY is an id or a name. ";
    commands.push_back({"key create",
                        "JOB",
                        "make a key that may trigger one job",
                        1,
                        1,
                        {{"name", "N", "who will use it; unique in the job"},
                         {"expires-in", "TIME", "90d, 12h, 3600 (60 s to 365 days; default: never)"},
                         {"rate-limit", "MAX/TIME", "100/60s, or none (default: 100/60s)"},
                         {"uses", "N", "triggers that it is good for (default: any number)"},
                         {"allow", "CIDR", "only from these addresses", true},
                         output},
                        "The key is shown once: the server keeps only its digest.\n\n"
                        "Examples\n"
                        "  usherctl key create nightly --name ci --expires-in 90d --output ci.key\n"
                        "  usherctl key create nightly --name office --allow 192.0.2.0/24 --rate-limit 10/1h",
                        create});
    commands.push_back({"key list",
                        "JOB",
                        "the keys of a job",
                        1,
                        1,
                        {},
                        "Keys themselves are never shown: START is enough to tell them apart.",
                        list});
    commands.push_back(
        {"key update",
         "JOB KEY",
         "change a key's name or limits, at once and on every node",
         2,
         2,
         {{"name", "N", "a new name, unique in the job"},
          {"expires-in", "TIME", "from now: 90d, 12h, 3600 (60 s to 365 days), or never"},
          {"rate-limit", "MAX/TIME", "100/60s, or none"},
          {"uses", "N", "triggers that it is good for from now on, or any"},
          {"allow", "CIDR", "only from these addresses from now on, or any", true}},
         keyHelp +
             "What is not named stays as it is.\n\n"
             "Examples\n"
             "  usherctl key update nightly ci --expires-in 30d --uses 100\n"
             "  usherctl key update nightly office --name hq --allow 192.0.2.0/24 --allow 2001:db8::/32",
         update});
    commands.push_back({"key disable",
                        "JOB KEY",
                        "make a key useless, at once and on every node",
                        2,
                        2,
                        {},
                        keyHelp,
                        disable});
    commands.push_back({"key enable", "JOB KEY", "undo disable", 2, 2, {}, keyHelp, enable});
    commands.push_back(
        {"key rotate",
         "JOB KEY",
         "replace a key by a new one with the same settings",
         2,
         2,
         {{"grace", "TIME", "how long the old one stays good (default: 0; at most 7d)"}, output},
         keyHelp + "\n\nExample\n  usherctl key rotate nightly ci --grace 1d --output ci-2.key",
         rotate});
    commands.push_back({"key delete", "JOB KEY", "delete a key", 2, 2, {}, keyHelp, remove});
    commands.push_back(
        {"keys harden",
         "",
         "rewrite keys that are stored in older forms to today's",
         0,
         0,
         {},
         "Keys that another program stored as hex digests or in the clear become base64url\n"
         "digests; they stay good. A row in a form that is not known is left alone and named.\n"
         "For admins; may be repeated.\n\n"
         "Example\n  usherctl keys harden --json",
         harden});
}

} // namespace usher::ctl
