// job create, update, list, show, set-tests, pause, resume, delete.
#include "base/Text.h"
#include "ctl/Amounts.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

/// NAME must be given by each trigger; NAME=default need not.
Json parameterFrom(const std::string& text) {
    std::size_t equals = text.find('=');
    Json parameter{{"name", text.substr(0, equals)}};
    if (equals == std::string::npos)
        parameter["required"] = true;
    else
        parameter["default"] = text.substr(equals + 1);
    return parameter;
}

std::string describeJob(const Json& job) {
    std::string text = harmless(textOf(job, "name")) + "\n";
    auto line = [&](const char* label, const std::string& value) {
        if (!value.empty())
            text +=
                "  " + std::string(label) + std::string(16 - std::string(label).size(), ' ') + value + "\n";
    };
    line("id", harmless(textOf(job, "id")));
    line("description", harmless(textOf(job, "description")));
    line("paused", flagOf(job, "paused") ? "yes: triggers are refused" : "no");
    line("timeout", std::to_string(numberOf(job, "timeoutSeconds")) + " s");
    line("at once", std::to_string(numberOf(job, "maxConcurrency")));
    line("queue limit", std::to_string(numberOf(job, "queueLimit")));
    if (numberOf(job, "parallelism") > 1)
        line("parallelism", std::to_string(numberOf(job, "parallelism")) + " tests of a run at once");
    line("network", harmless(textOf(job, "network")));
    for (const Json& parameter : memberOf(job, "parameters")) {
        std::string value = harmless(textOf(parameter, "name"));
        if (memberOf(parameter, "default").is_string())
            value += " = " + harmless(textOf(parameter, "default"));
        if (flagOf(parameter, "required")) value += " (required)";
        line("parameter", value);
    }
    line("last run", timeOf(job, "lastRunAt"));
    int position = 0;
    for (const Json& test : memberOf(job, "tests"))
        line(position == 0 ? "tests" : "", std::to_string(position) + "  " + harmless(textOf(test, "title")) +
                                               " (" + harmless(textOf(test, "type")) + ")"),
            ++position;
    if (position == 0 && memberOf(job, "testCount").is_number())
        line("tests", std::to_string(numberOf(job, "testCount")));
    return text;
}

const Json& jobIn(const Json& answer) {
    return memberOf(answer, "job").is_object() ? memberOf(answer, "job") : answer;
}

/// What the flags say, for create and update.
Json settingsFrom(Context& context) {
    Json body = Json::object();
    if (auto text = context.find("description")) body["description"] = *text;
    if (auto seconds = context.integer("timeout", 1, 7 * 86'400)) body["timeoutSeconds"] = *seconds;
    if (auto runs = context.integer("max-concurrency", 1, 1'000'000)) body["maxConcurrency"] = *runs;
    if (auto runs = context.integer("queue-limit", 1, 1'000'000'000)) body["queueLimit"] = *runs;
    if (auto tests = context.integer("parallelism", 1, 64)) body["parallelism"] = *tests;
    if (auto network = context.find("network")) {
        if (*network != "none" && *network != "full")
            throw UsageError("--network is none or full, not " + oneLine(*network, 40));
        body["network"] = *network;
    }
    for (const std::string& parameter : context.all("param"))
        body["parameters"].push_back(parameterFrom(parameter));
    return body;
}

int create(Context& context) {
    Json body = settingsFrom(context);
    body["name"] = context.argument(0);
    Json answer = context.client().send("POST", "/api/jobs", body).body;
    std::string name = harmless(textOf(jobIn(answer), "name"));
    return context.print(answer, "Job " + name + " is made: " + harmless(textOf(jobIn(answer), "id")) +
                                     "\nNext: usherctl test create …, then usherctl job set-tests '" + name +
                                     "' TEST…\n");
}

int update(Context& context) {
    Json body = settingsFrom(context);
    if (auto name = context.find("name")) body["name"] = *name;
    if (body.empty()) throw UsageError("nothing to change", "usherctl job update --help lists the settings");
    std::string id = context.jobId(context.argument(0));
    Json answer = context.client().send("PATCH", "/api/jobs/" + id, body).body;
    return context.print(answer, describeJob(jobIn(answer)));
}

int list(Context& context) {
    context.client();
    Json jobs = context.allPages("/api/jobs", "jobs");
    Table table({"ID", "NAME", "TESTS", "PAUSED", "LAST RUN"});
    for (const Json& job : jobs)
        table.add({textOf(job, "id"), textOf(job, "name"),
                   memberOf(job, "testCount").is_number() ? std::to_string(numberOf(job, "testCount"))
                                                          : std::to_string(memberOf(job, "tests").size()),
                   flagOf(job, "paused") ? "yes" : "no", timeOf(job, "lastRunAt")});
    return context.print(Json{{"jobs", jobs}, {"nextCursor", nullptr}},
                         table.empty() ? "No jobs yet. Next: usherctl job import DIR\n" : table.text());
}

int show(Context& context) {
    std::string id = context.jobId(context.argument(0));
    Json answer = context.client().get("/api/jobs/" + id);
    return context.print(answer, describeJob(jobIn(answer)));
}

int setTests(Context& context) {
    std::string id = context.jobId(context.argument(0));
    Json tests = Json::array();
    for (std::size_t i = 1; i < context.argumentCount(); ++i)
        tests.push_back(context.testId(context.argument(i)));
    Json answer = context.client().send("PUT", "/api/jobs/" + id + "/tests", Json{{"tests", tests}}).body;
    return context.print(answer, "The job now runs " + std::to_string(tests.size()) + " test" +
                                     (tests.size() == 1 ? "" : "s") + ", in this order.\n");
}

int patchPaused(Context& context, bool paused) {
    std::string id = context.jobId(context.argument(0));
    Json answer = context.client().send("PATCH", "/api/jobs/" + id, Json{{"paused", paused}}).body;
    return context.print(answer, paused ? "Paused: triggers are refused until `usherctl job resume`.\n"
                                        : "Resumed.\n");
}

int pause(Context& context) {
    return patchPaused(context, true);
}
int resume(Context& context) {
    return patchPaused(context, false);
}

int remove(Context& context) {
    std::string id = context.jobId(context.argument(0));
    Json answer = context.client().send("DELETE", "/api/jobs/" + id).body;
    return context.print(answer, "Deleted, with its keys and its runs.\n");
}

} // namespace

void addJobCommands(std::vector<Command>& commands) {
    const std::vector<Option> settings = {
        {"description", "TEXT", "what it is for"},
        {"timeout", "S", "seconds that a whole run may take (default: 3600)"},
        {"max-concurrency", "N", "runs of this job at once (default: 1)"},
        {"queue-limit", "N", "runs that may wait (default: 1000)"},
        {"parallelism", "N", "tests of one run at once (default: 1)"},
        {"network", "none|full", "with sandbox = strict: may the tests use the network (default: none)"},
        {"param", "NAME[=DEFAULT]", "a parameter that triggers may give; without a default they must", true}};
    std::vector<Option> changes = settings;
    changes.insert(changes.begin(), {"name", "NAME", "another name"});
    commands.push_back({"job create", "NAME", "make a job, still without tests", 1, 1, settings,
                        "Parameters reach the tests as environment variables; names are A-Z, 0-9 and _.\n\n"
                        "Examples\n"
                        "  usherctl job create nightly --timeout 600\n"
                        "  usherctl job create deploy-check --param TARGET --param RETRIES=3\n"
                        "  usherctl job create browsers --parallelism 4 --network full",
                        create});
    commands.push_back({"job update", "JOB", "change settings of a job; what is not named stays", 1, 1,
                        changes,
                        "--param replaces the whole list of parameters.\n\n"
                        "Examples\n"
                        "  usherctl job update nightly --parallelism 4\n"
                        "  usherctl job update nightly --name weekly --timeout 7200",
                        update});
    commands.push_back({"job list",
                        "",
                        "all jobs",
                        0,
                        0,
                        {},
                        "Example\n  usherctl job list --json | jq -r '.jobs[].name'",
                        list});
    commands.push_back({"job show",
                        "JOB",
                        "one job: its settings, parameters and tests",
                        1,
                        1,
                        {},
                        "JOB is an id or the name of exactly one job.",
                        show});
    commands.push_back({"job set-tests",
                        "JOB [TEST]…",
                        "say which tests a job runs, in which order",
                        1,
                        -1,
                        {},
                        "Replaces the whole list. TEST is an id or the title of exactly one test.\n\n"
                        "Example\n  usherctl job set-tests nightly 'database answers' 'login page'",
                        setTests});
    commands.push_back({"job pause", "JOB", "refuse triggers and hold what waits", 1, 1, {}, "", pause});
    commands.push_back({"job resume", "JOB", "undo pause", 1, 1, {}, "", resume});
    commands.push_back(
        {"job delete", "JOB", "delete a job with its keys and its runs", 1, 1, {}, "", remove});
}

} // namespace usher::ctl
