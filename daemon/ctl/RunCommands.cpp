// run list, show, artifacts, log, wait, cancel, rerun.
#include "base/Text.h"
#include "base/Uuid.h"
#include "ctl/Amounts.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/RunReport.h"
#include "ctl/RunWatch.h"
#include "ctl/TerminalText.h"

#include <filesystem>
#include <fstream>

namespace usher::ctl {

namespace {

std::string runPath(Context& context) {
    std::optional<std::string> id = parseUuid(context.argument(0));
    if (!id)
        throw UsageError("not a run's id: " + oneLine(context.argument(0), 60),
                         "usherctl run list shows the runs");
    return "/api/runs/" + *id;
}

/// Whoever started a run with a key may look at it with that key; anybody else signs in.
Client& reader(Context& context) {
    auto key = context.io().environment("USHER_API_KEY");
    if (context.credentials().find(context.anonymous().url()) || !key || key->empty())
        return context.client();
    context.anonymous().authorise(*key);
    return context.anonymous();
}

const Json& runIn(const Json& answer) {
    return memberOf(answer, "run").is_object() ? memberOf(answer, "run") : answer;
}

int list(Context& context) {
    std::int64_t limit = context.integer("limit", 1, 100'000).value_or(50);
    std::string path = "/api/runs";
    if (auto job = context.find("job")) path = withQuery(path, "jobId", context.jobId(*job));
    if (auto status = context.find("status")) path = withQuery(path, "status", *status);
    context.client();
    Json runs = context.allPages(path, "runs", static_cast<std::size_t>(limit));
    Table table({"ID", "JOB", "STATUS", "QUEUED", "TIME", "BY"});
    for (const Json& run : runs)
        table.add({textOf(run, "id"), textOf(run, "jobName"), textOf(run, "status"), timeOf(run, "queuedAt"),
                   memberOf(run, "durationMs").is_number() ? showDuration(numberOf(run, "durationMs")) : "-",
                   textOf(run, "triggeredBy")});
    return context.print(Json{{"runs", runs}, {"nextCursor", nullptr}},
                         table.empty() ? "No runs.\n" : table.text());
}

/// The node that keeps them may be away: that is no reason to tell nothing of the run.
std::string artifactsOf(Client& client, const std::string& path) {
    try {
        return describeArtifacts(memberOf(client.get(path + "/artifacts"), "artifacts"));
    } catch (const Refused& error) {
        return std::string("artifacts: ") + harmless(error.what()) + "\n";
    }
}

int show(Context& context) {
    std::string path = runPath(context);
    Client& client = reader(context);
    Json answer = client.get(path);
    const Json& run = runIn(answer);
    std::string text = describeRun(run, Cases::all);
    text += "  triggered by " + harmless(textOf(run, "triggeredBy")) + " (" +
            harmless(textOf(run, "trigger")) + "), attempt " + std::to_string(numberOf(run, "attempt")) +
            ", sandbox " + (textOf(run, "sandbox").empty() ? "-" : harmless(textOf(run, "sandbox"))) + "\n";
    for (const auto& [name, value] : memberOf(run, "parameters").items())
        text += "  " + harmless(name) + "=" +
                harmless(value.is_string() ? value.get<std::string>() : toText(value)) + "\n";
    for (const Json& event : memberOf(run, "timeline")) {
        text += "  " + timeOf(event, "at") + "  " + harmless(textOf(event, "type"));
        if (!textOf(event, "detail").empty()) text += ": " + harmless(textOf(event, "detail"));
        text += "\n";
    }
    if (!context.json()) text += artifactsOf(client, path);
    return context.print(answer, text);
}

/// One file to standard output or into a new file; without a name, which there are.
int artifacts(Context& context) {
    const std::string path = runPath(context) + "/artifacts";
    Client& client = reader(context);
    if (context.argumentCount() < 2) {
        if (context.has("output")) throw UsageError("--output goes with the name of an artifact");
        const Json answer = client.get(path);
        const std::string text = describeArtifacts(memberOf(answer, "artifacts"));
        return context.print(answer, text.empty() ? "No artifacts.\n" : text);
    }
    if (context.json()) throw UsageError("an artifact is a file; --json has nothing to print");
    std::string name;
    for (const std::string& part : split(context.argument(1), '/'))
        name += (name.empty() ? "" : "/") + percentEncode(part);
    std::unique_ptr<Download> file = client.open(path + "/" + name);
    const auto output = context.find("output");
    std::ofstream kept;
    if (output) {
        if (std::filesystem::exists(*output)) throw UsageError(*output + " is there already");
        kept.open(*output, std::ios::binary);
    } else if (context.io().outIsTerminal) {
        throw UsageError("a terminal is no place for a file's bytes", "--output FILE, or a pipe");
    }
    std::ostream& out = output ? kept : context.io().out;
    for (std::string piece; out && !(piece = file->read()).empty();) out << piece;
    out << std::flush;
    if (!out) throw UsageError("cannot write " + output.value_or("standard output"));
    return 0;
}

void copyLog(Context& context, Client& client, const std::string& path, int test) {
    OutputFilter filter(context.has("raw") || !context.io().outIsTerminal);
    std::unique_ptr<Download> log = client.open(path + "/log?test=" + std::to_string(test));
    for (std::string piece; !(piece = log->read()).empty();) context.io().out << filter.feed(piece);
    context.io().out << filter.finish() << std::flush;
}

int log(Context& context) {
    if (context.json()) throw UsageError("a log is text; --json has nothing to print");
    std::string path = runPath(context);
    std::optional<std::int64_t> only = context.integer("test", 0, 100'000);
    Client& client = reader(context);
    if (context.has("follow")) {
        WatchOptions options;
        options.follow = true;
        options.raw = context.has("raw");
        options.headings = !only;
        if (only) options.onlyTest = static_cast<int>(*only);
        RunWatch(client, context.io(), path.substr(path.rfind('/') + 1), options).untilEnd();
        return 0;
    }
    if (only) {
        copyLog(context, client, path, static_cast<int>(*only));
        return 0;
    }
    Json answer = client.get(path);
    for (const Json& test : memberOf(runIn(answer), "tests")) {
        std::string status = textOf(test, "status");
        if (status == "pending" || status == "skipped") continue; // it wrote nothing
        int position = static_cast<int>(numberOf(test, "position"));
        context.io().out << "--- test " << position << ": " << harmless(textOf(test, "title")) << "\n";
        copyLog(context, client, path, position);
    }
    return 0;
}

int waitForRun(Context& context) {
    std::string path = runPath(context);
    auto timeout = context.integer("timeout", 1, 30 * 86'400);
    if (context.has("follow") && context.json())
        throw UsageError("--follow and --json: standard output can hold only one of them");
    WatchOptions options;
    options.follow = context.has("follow");
    options.raw = context.has("raw");
    if (timeout) options.timeout = std::chrono::seconds(*timeout);
    std::optional<Json> run =
        RunWatch(reader(context), context.io(), path.substr(path.rfind('/') + 1), options).untilEnd();
    if (!run) {
        context.io().err << "error: the run has not ended after " << *timeout << " s; it goes on\n";
        return exitCodeOf("timeout");
    }
    context.print(*run, describeRun(*run));
    return exitCodeOf(textOf(*run, "status"));
}

int cancel(Context& context) {
    std::string path = runPath(context);
    Json answer = reader(context).send("POST", path + "/cancel").body;
    return context.print(answer, "Cancelling; usherctl run show " + path.substr(path.rfind('/') + 1) +
                                     " tells when it is over.\n");
}

int prune(Context& context) {
    Json body = Json::object();
    if (auto days = context.integer("keep-days", 1, 36'500)) body["keepDays"] = *days;
    if (auto runs = context.integer("keep-runs", 1, 1'000'000'000)) body["keepRuns"] = *runs;
    std::int64_t deleted = 0;
    bool more = true;
    while (more) { // each answer comes in time, and each deletes something
        Json answer = context.client().send("POST", "/api/runs/prune", body).body;
        deleted += numberOf(answer, "deleted");
        more = flagOf(answer, "more");
    }
    return context.print(Json{{"success", true}, {"deleted", deleted}},
                         std::to_string(deleted) + " runs are deleted.\n");
}

int rerun(Context& context) {
    std::string path = runPath(context);
    Json answer = context.client().send("POST", path + "/rerun").body;
    std::string id = textOf(memberOf(answer, "data"), "runId");
    if (id.empty()) id = textOf(runIn(answer), "id");
    return context.print(answer, "run " + harmless(id) + " is queued\nNext: usherctl run log -f " +
                                     harmless(id) + "\n");
}

} // namespace

void addRunCommands(std::vector<Command>& commands) {
    const Option raw{"raw", "",
                     "show output as it is, with colours and control characters, also on a terminal"};
    commands.push_back(
        {"run list",
         "",
         "runs, the newest first",
         0,
         0,
         {{"job", "JOB", "only of this job"},
          {"status", "S", "queued, running, passed, failed, error, timeout, cancelled or lost"},
          {"limit", "N", "at most so many (default: 50)"}},
         "Example\n  usherctl run list --job nightly --status failed",
         list});
    commands.push_back({"run show",
                        "RUN",
                        "one run: its verdict, its tests, what happened when",
                        1,
                        1,
                        {},
                        "Without a sign-in, USHER_API_KEY may read the runs that it started.",
                        show});
    commands.push_back({"run artifacts",
                        "RUN [PATH]",
                        "the files that a run kept, or one of them",
                        1,
                        2,
                        {{"output", "FILE", "write the artifact into this new file"}},
                        "Examples\n  usherctl run artifacts 0192f0c1-…\n  usherctl run artifacts 0192f0c1-… "
                        "playwright/trace.zip --output trace.zip",
                        artifacts});
    commands.push_back({"run log",
                        "RUN",
                        "what the tests wrote",
                        1,
                        1,
                        {{"follow", "", "show it as it comes, until the run ends", false, 'f'},
                         {"test", "N", "only this test, counted from 0"},
                         raw},
                        "On a terminal, control characters are shown as \\x1b and the like, so that a test "
                        "cannot play tricks\n"
                        "with it; --raw, a file or a pipe get the bytes as they are.\n\n"
                        "Examples\n  usherctl run log -f 0192f0c1-…\n  usherctl run log --test 2 0192f0c1-… "
                        "> third-test.log",
                        log});
    commands.push_back(
        {"run wait",
         "RUN",
         "wait for the verdict of a run and exit with it",
         1,
         1,
         {{"follow", "", "show the tests' output as it comes", false, 'f'},
          {"timeout", "S", "stop waiting after so many seconds (exit code 4); the run goes on"},
          raw},
         "Exit codes: 0 passed, 1 failed, 3 error, 4 timeout, 5 cancelled, 6 lost.",
         waitForRun});
    commands.push_back(
        {"run cancel", "RUN", "end a run: TERM, then KILL after the grace time", 1, 1, {}, "", cancel});
    commands.push_back(
        {"run prune",
         "",
         "delete old runs now, with their output (admins)",
         0,
         0,
         {{"keep-days", "N", "what ended so many days ago or earlier goes (default: the server's keep_days)"},
          {"keep-runs", "N", "the newest N of each job stay (default: the server's keep_runs)"}},
         "The server does the same by itself, by [retention] in its configuration.\n\n"
         "Example\n  usherctl run prune --keep-days 30 --keep-runs 500",
         prune});
    commands.push_back({"run rerun", "RUN", "run the same again", 1, 1, {}, "", rerun});
}

} // namespace usher::ctl
