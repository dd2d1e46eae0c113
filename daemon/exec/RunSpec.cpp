#include "exec/RunSpec.h"

#include <stdexcept>

namespace usher {

namespace {

constexpr JsonLimits kLimits{.maxBytes = 256u << 20, .maxDepth = 32, .maxValues = 5'000'000};

Json parsed(std::string_view text, const char* what) {
    auto result = parseJson(text, kLimits);
    if (auto* error = std::get_if<JsonError>(&result))
        throw std::runtime_error(std::string(what) + ": " + error->message);
    return std::move(std::get<Json>(result));
}

template <class T>
void put(Json& json, const char* name, const std::optional<T>& value) {
    if (value) json[name] = *value;
}
template <class T>
std::optional<T> get(const Json& json, const char* name) {
    auto at = json.find(name);
    if (at == json.end() || at->is_null()) return std::nullopt;
    return at->get<T>();
}

} // namespace

std::string toRunJson(const ClaimedRun& run) {
    Json tests = Json::array();
    for (const TestToRun& test : run.tests)
        tests.push_back({{"position", test.position},
                         {"testId", test.testId},
                         {"title", test.title},
                         {"type", test.type},
                         {"script", test.script},
                         {"plainScript", test.plainScript}});
    return toText(Json{{"runId", run.runId},
                       {"jobId", run.jobId},
                       {"jobName", run.jobName},
                       {"attempt", run.attempt},
                       {"timeoutSeconds", run.timeoutSeconds},
                       {"parallelism", run.parallelism},
                       {"network", run.network},
                       {"parameters", run.parameters},
                       {"leaseUntil", run.leaseUntil},
                       {"secrets", run.secrets},
                       {"tests", std::move(tests)}});
}

ClaimedRun runFromJson(std::string_view text) {
    Json json = parsed(text, "what is to be run");
    ClaimedRun run;
    try {
        run.runId = json.at("runId");
        run.jobId = json.at("jobId");
        run.jobName = json.at("jobName");
        run.attempt = json.at("attempt");
        run.timeoutSeconds = json.at("timeoutSeconds");
        run.parallelism = json.at("parallelism");
        run.network = json.at("network");
        run.parameters = json.at("parameters").get<Environment>();
        run.leaseUntil = json.value("leaseUntil", BootMillis{0});
        run.secrets = json.at("secrets").get<Environment>();
        run.hasSecrets = !run.secrets.empty();
        for (const Json& one : json.at("tests"))
            run.tests.push_back({one.at("position"), one.at("testId"), one.at("title"), one.at("type"),
                                 one.at("script"), one.at("plainScript")});
    } catch (const Json::exception&) {
        throw std::runtime_error("what is to be run is not in this version's form");
    }
    return run;
}

Json toJson(const RunTest& test) {
    Json json{{"position", test.position},     {"testId", test.testId},
              {"title", test.title},           {"type", test.type},
              {"status", toText(test.status)}, {"outputBytes", test.outputBytes},
              {"truncated", test.truncated},   {"errorDetails", test.errorDetails},
              {"cases", test.casesJson}};
    put(json, "exitCode", test.exitCode);
    put(json, "signal", test.signal);
    put(json, "startedAt", test.startedAt);
    put(json, "completedAt", test.completedAt);
    put(json, "durationMs", test.durationMs);
    return json;
}

RunTest runTestFrom(const Json& json) {
    try {
        RunTest test;
        test.position = json.at("position");
        test.testId = json.at("testId");
        test.title = json.at("title");
        test.type = json.at("type");
        test.status = testStatusFrom(json.at("status").get<std::string>()).value_or(TestStatus::error);
        test.outputBytes = json.at("outputBytes");
        test.truncated = json.at("truncated");
        test.errorDetails = json.at("errorDetails");
        test.casesJson = json.at("cases");
        test.exitCode = get<int>(json, "exitCode");
        test.signal = get<int>(json, "signal");
        test.startedAt = get<Micros>(json, "startedAt");
        test.completedAt = get<Micros>(json, "completedAt");
        test.durationMs = get<std::int64_t>(json, "durationMs");
        return test;
    } catch (const Json::exception&) {
        throw std::runtime_error("a test's result is not what this version of Usher writes");
    }
}

Json toJson(const RunOutcome& outcome) {
    Json tests = Json::array();
    for (const RunTest& test : outcome.tests) tests.push_back(toJson(test));
    Json json{{"runId", outcome.runId},
              {"attempt", outcome.attempt},
              {"status", toText(outcome.status)},
              {"sandbox", outcome.sandbox},
              {"startedAt", outcome.startedAt},
              {"completedAt", outcome.completedAt},
              {"errorDetails", outcome.errorDetails},
              {"tests", std::move(tests)}};
    put(json, "exitCode", outcome.exitCode);
    put(json, "signal", outcome.signal);
    return json;
}

RunOutcome outcomeFromJson(std::string_view text) {
    return outcomeFrom(parsed(text, "result.json"));
}

RunOutcome outcomeFrom(const Json& json) {
    try {
        RunOutcome outcome;
        outcome.runId = json.at("runId");
        outcome.attempt = json.at("attempt");
        outcome.status = runStatusFrom(json.at("status").get<std::string>()).value_or(RunStatus::error);
        outcome.sandbox = json.at("sandbox");
        outcome.startedAt = json.at("startedAt");
        outcome.completedAt = json.at("completedAt");
        outcome.errorDetails = json.at("errorDetails");
        outcome.exitCode = get<int>(json, "exitCode");
        outcome.signal = get<int>(json, "signal");
        for (const Json& test : json.at("tests")) outcome.tests.push_back(runTestFrom(test));
        return outcome;
    } catch (const Json::exception&) {
        throw std::runtime_error("a run's result is not what this version of Usher writes");
    }
}

Json toJson(const LeaderIdentity& identity) {
    return {{"t", "leader"},
            {"bootId", identity.bootId},
            {"pid", identity.pid},
            {"startTicks", static_cast<std::int64_t>(identity.startTicks)}};
}

std::optional<LeaderIdentity> identityFrom(const Json& entry) {
    try {
        if (entry.at("t") != "leader") return std::nullopt;
        return LeaderIdentity{entry.at("bootId"), entry.at("pid"),
                              entry.at("startTicks").get<std::uint64_t>()};
    } catch (const Json::exception&) {
        return std::nullopt;
    }
}

std::string userFolder(uid_t uid) {
    return "u" + std::to_string(uid);
}

std::string attemptFolder(int attempt) {
    return "attempt-" + std::to_string(attempt);
}

RunTest pendingTest(const TestToRun& test) {
    RunTest result;
    result.position = test.position;
    result.testId = test.testId;
    result.title = test.title;
    result.type = test.type;
    return result;
}

} // namespace usher
