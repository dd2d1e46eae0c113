// trigger: the one thing that needs an API key and no sign-in.
#include "base/Random.h"
#include "base/Text.h"
#include "base/Uuid.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/RunReport.h"
#include "ctl/RunWatch.h"
#include "ctl/TerminalText.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace usher::ctl {

namespace {

std::string apiKey(Context& context) {
    if (context.has("key-file") && context.has("key-stdin"))
        throw UsageError("--key-file and --key-stdin: give one of them");
    if (auto file = context.find("key-file")) return Context::secretFromFile(*file, "API key");
    if (context.has("key-stdin")) return context.secretFromInput("API key");
    auto key = context.io().environment("USHER_API_KEY");
    if (!key || key->empty())
        throw UsageError("no API key", "set USHER_API_KEY, or give --key-file FILE or --key-stdin; "
                                       "usherctl key create JOB --name N makes a key");
    return *key;
}

Json parameters(Context& context) {
    Json all = Json::object();
    for (const std::string& text : context.all("param")) {
        std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            throw UsageError("--param: not NAME=VALUE: " + oneLine(text, 40));
        std::string name = text.substr(0, equals);
        if (all.contains(name)) throw UsageError("--param " + oneLine(name, 64) + " is given twice");
        all[name] = text.substr(equals + 1);
    }
    return all;
}

/// Sends the trigger. What was cut off or could not be served just now is sent again: the Idempotency-Key
/// makes sure that it is one run all the same.
Json send(Client& client, const std::string& job, const Json& body, const std::string& idempotencyKey) {
    for (int attempt = 1;; ++attempt) {
        std::chrono::seconds pause{1};
        try {
            return client
                .send("POST", "/api/jobs/" + job + "/trigger", body, {{"Idempotency-Key", idempotencyKey}})
                .body;
        } catch (const Unreachable& e) {
            if (!e.sent() || attempt == 3) throw;
        } catch (const Refused& e) {
            if (e.status() != 503 || attempt == 3 || e.retryAfterSeconds > 5) throw;
            pause = std::chrono::seconds(std::max(1, e.retryAfterSeconds));
        }
        std::this_thread::sleep_for(pause);
    }
}

int trigger(Context& context) {
    std::string key = apiKey(context);
    bool follow = context.has("follow");
    bool wait = context.has("wait") || follow;
    auto timeout = context.integer("timeout", 1, 30 * 86'400);
    if (timeout && !wait) throw UsageError("--timeout is for --wait");
    if (follow && context.json())
        throw UsageError("--follow and --json: standard output can hold only one of them");
    if (key.find_first_of("\r\n") != std::string::npos) throw UsageError("the API key holds a line break");

    Json body = Json::object();
    Json given = parameters(context);
    if (!given.empty()) body["parameters"] = given;
    // A name is looked up as the person who signed in; the trigger itself needs nothing but the key.
    std::string job = parseUuid(context.argument(0)).value_or("");
    if (job.empty()) job = context.jobId(context.argument(0));
    Client& client = context.anonymous();
    client.authorise(key);

    std::string idempotencyKey = context.find("idempotency-key").value_or("usherctl-" + createUuid());
    Json answer = send(client, job, body, idempotencyKey);
    const Json& data = memberOf(answer, "data");
    std::string runId = textOf(data, "runId");
    if (!wait)
        return context.print(answer, "run " + harmless(runId) + " of " + harmless(textOf(data, "jobName")) +
                                         " is " + harmless(textOf(data, "status")) + " (place " +
                                         std::to_string(numberOf(data, "position")) + ", " +
                                         std::to_string(numberOf(data, "testCount")) + " tests)" +
                                         (data.contains("coalesced") ? ", as before this trigger" : "") +
                                         "\n");
    if (!context.json()) context.io().err << "run " << harmless(runId) << "\n";

    WatchOptions options;
    options.follow = follow;
    options.raw = context.has("raw");
    if (timeout) options.timeout = std::chrono::seconds(*timeout);
    std::optional<Json> run = RunWatch(client, context.io(), runId, options).untilEnd();
    if (!run) {
        if (context.json()) context.io().out << toText(answer) << "\n";
        context.io().err << "error: the run has not ended after " << *timeout << " s; it goes on\n"
                         << "hint: usherctl run show " << harmless(runId) << "\n";
        return exitCodeOf("timeout");
    }
    context.print(*run, describeRun(*run));
    return exitCodeOf(textOf(*run, "status"));
}

} // namespace

void addTriggerCommand(std::vector<Command>& commands) {
    commands.push_back(
        {"trigger",
         "JOB",
         "run a job, with an API key",
         1,
         1,
         {{"param", "NAME=VALUE", "a parameter that the job declares", true},
          {"wait", "", "wait for the verdict and exit with it"},
          {"follow", "", "like --wait, and show the tests' output as it comes", false, 'f'},
          {"timeout", "S", "stop waiting after so many seconds (exit code 4); the run goes on"},
          {"raw", "", "show output as it is, with colours and control characters, also on a terminal"},
          {"idempotency-key", "K", "the same K within 24 h is the same run (default: a new one)"},
          {"key-file", "FILE", "read the API key from the first line of a file"},
          {"key-stdin", "", "read the API key from standard input"}},
         "The key comes from USHER_API_KEY, a file or standard input, never from the command line, which "
         "everyone on the\n"
         "machine can read. JOB is an id, or a name if you are signed in.\n\n"
         "Exit codes with --wait: 0 passed, 1 failed, 3 error, 4 timeout, 5 cancelled, 6 lost; 2 wrong "
         "command line,\n"
         "7 refused by the server, 8 server not reachable.\n\n"
         "Examples\n"
         "  USHER_API_KEY=$(cat ci.key) usherctl trigger nightly --wait\n"
         "  usherctl trigger 0192f0c1-… --key-file ci.key --param TARGET=staging --follow",
         trigger});
}

} // namespace usher::ctl
