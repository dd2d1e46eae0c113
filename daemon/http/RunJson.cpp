#include "http/RunJson.h"

namespace usher {

namespace {

Json timeOrNull(const std::optional<Micros>& time) {
    return time ? Json(formatTime(*time)) : Json(nullptr);
}
template <class T>
Json orNull(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}
Json textOrNull(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json toJson(const RunTest& test) {
    auto cases = parseJson(test.casesJson, {.maxBytes = 16u << 20, .maxValues = 1'000'000});
    const Json* list = std::get_if<Json>(&cases);
    return {{"position", test.position},
            {"testId", test.testId},
            {"title", test.title},
            {"type", test.type},
            {"status", toText(test.status)},
            {"exitCode", orNull(test.exitCode)},
            {"signal", orNull(test.signal)},
            {"startedAt", timeOrNull(test.startedAt)},
            {"completedAt", timeOrNull(test.completedAt)},
            {"durationMs", orNull(test.durationMs)},
            {"outputBytes", test.outputBytes},
            {"truncated", test.truncated},
            {"errorDetails", textOrNull(test.errorDetails)},
            {"cases", list ? *list : Json::array()}};
}

} // namespace

Json toJson(const Job& job) {
    auto parameters = parseJson(parametersToJson(job.parameters));
    return {{"id", job.id},
            {"name", job.name},
            {"description", job.description},
            {"paused", job.paused},
            {"maxConcurrency", job.maxConcurrency},
            {"queueLimit", job.queueLimit},
            {"timeoutSeconds", job.timeoutSeconds},
            {"retries", job.retries},
            {"onLost", toText(job.onLost)},
            {"onBusy", toText(job.onBusy)},
            {"parallelism", job.parallelism},
            {"priority", job.priority},
            {"network", job.network ? "full" : "none"},
            {"parameters", std::get<Json>(parameters)},
            {"revision", job.revision},
            {"testCount", job.testCount},
            {"createdByUserId", orNull(job.createdByUserId)},
            {"lastRunAt", timeOrNull(job.lastRunAt)},
            {"createdAt", formatTime(job.createdAt)},
            {"updatedAt", formatTime(job.updatedAt)}};
}

Json toJson(const Test& test, bool withScript) {
    Json json = {{"id", test.id},
                 {"title", test.title},
                 {"description", test.description},
                 {"type", test.type},
                 {"priority", test.priority},
                 {"createdAt", formatTime(test.createdAt)},
                 {"updatedAt", formatTime(test.updatedAt)}};
    if (withScript) json["script"] = test.script;
    return json;
}

Json toJson(const Run& run, bool whole) {
    Json json = {{"id", run.id},
                 {"jobId", run.jobId},
                 {"jobName", run.jobName},
                 {"status", toText(run.status)},
                 {"trigger", run.trigger},
                 {"triggeredBy", run.triggeredBy},
                 {"attempt", run.attempt},
                 {"parameters", Json(run.parameters)},
                 {"nodeId", textOrNull(run.nodeId)},
                 {"sandbox", textOrNull(run.sandbox)},
                 {"cancelRequested", run.cancelRequested},
                 {"queuedAt", formatTime(run.queuedAt)},
                 {"startedAt", timeOrNull(run.startedAt)},
                 {"completedAt", timeOrNull(run.completedAt)},
                 {"durationMs", orNull(run.durationMs)},
                 {"exitCode", orNull(run.exitCode)},
                 {"signal", orNull(run.signal)},
                 {"errorDetails", textOrNull(run.errorDetails)}};
    if (json["parameters"].is_null()) json["parameters"] = Json::object();
    if (!whole) return json;
    json["tests"] = Json::array();
    for (const RunTest& test : run.tests) json["tests"].push_back(toJson(test));
    json["timeline"] = Json::array();
    for (const RunEvent& event : run.timeline)
        json["timeline"].push_back({{"at", formatTime(event.at)},
                                    {"type", event.type},
                                    {"nodeId", textOrNull(event.nodeId)},
                                    {"attempt", event.attempt},
                                    {"detail", textOrNull(event.detail)}});
    return json;
}

} // namespace usher
