#include "app/TriggerBody.h"
#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/RunJson.h"
#include "http/endpoints/Endpoints.h"

#include <set>

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

void readParameters(BodyReader& body, JobSettings& settings) {
    const Json* list = body.value("parameters");
    if (!list) return;
    if (!list->is_array() || list->size() > 100)
        return body.fault("parameters", "must be a list of at most 100 objects");
    std::vector<Parameter> parameters;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const Json& one = (*list)[i];
        std::string field = "parameters[" + std::to_string(i) + "]";
        if (!one.is_object() || !one.contains("name") || !one["name"].is_string()) {
            body.fault(field, "must be an object with a name");
            continue;
        }
        Parameter parameter;
        bool good = true;
        for (const auto& [key, value] : one.items()) {
            if (key == "name")
                parameter.name = value.get<std::string>();
            else if (key == "required" && value.is_boolean())
                parameter.required = value.get<bool>();
            else if (key == "default" && value.is_string())
                parameter.defaultValue = value.get<std::string>();
            else if (key == "pattern" && value.is_string())
                parameter.pattern = value.get<std::string>();
            else if ((key == "default" || key == "pattern") && value.is_null())
                continue;
            else
                good = false;
        }
        if (!good)
            body.fault(field, "known fields are name, required (true or false), default and pattern (text)");
        if (auto problem = ParameterRules::problemWith(parameter)) body.fault(field, *problem);
        if (!names.insert(parameter.name).second) body.fault(field, "this name appears twice");
        parameters.push_back(std::move(parameter));
    }
    settings.parameters = std::move(parameters);
}

/// Overwrites what the body names, and tells the names; nothing when it was refused.
std::optional<std::string> readSettings(Context& context, JobSettings& settings, bool creating) {
    BodyReader body(context.request());
    if (auto name = body.text("name", 1, 255, creating, true)) settings.name = *name;
    if (body.isNull("description"))
        settings.description.clear();
    else if (auto text = body.text("description", 0, 10'000))
        settings.description = *text;
    if (auto paused = body.boolean("paused")) settings.paused = *paused;
    auto number = [&](const char* name, int& field, int min, int max) {
        if (auto value = body.integer(name, min, max)) field = static_cast<int>(*value);
    };
    number("maxConcurrency", settings.maxConcurrency, 1, 1000);
    number("queueLimit", settings.queueLimit, 1, 1'000'000);
    number("timeoutSeconds", settings.timeoutSeconds, 1, 7 * 86'400);
    number("retries", settings.retries, 0, 10);
    number("parallelism", settings.parallelism, 1, 64);
    number("priority", settings.priority, 0, 9);
    if (auto value = body.oneOf("onLost", {"fail", "rerun"})) settings.onLost = *onLostFrom(*value);
    if (auto value = body.oneOf("onBusy", {"queue", "coalesce", "refuse"}))
        settings.onBusy = *onBusyFrom(*value);
    if (auto value = body.oneOf("network", {"none", "full"})) settings.network = *value == "full";
    readParameters(body, settings);
    if (auto refusal = body.problem()) {
        context.refuse(*refusal);
        return std::nullopt;
    }
    return body.names();
}

Json withTests(Services& services, const Job& job) {
    Json json = toJson(job);
    json["tests"] = Json::array();
    for (const Test& test : services.jobs.testsOf(job.id))
        json["tests"].push_back({{"id", test.id}, {"title", test.title}, {"type", test.type}});
    return json;
}

void list(Services& services, Context& context) {
    auto page = pageOf(context);
    if (!page) return;
    auto jobs = services.jobs.listJobs(*page);
    Json list = Json::array();
    for (const Job& job : jobs.items) list.push_back(toJson(job));
    Json cursor = jobs.nextCursor.empty() ? Json(nullptr) : Json(jobs.nextCursor);
    context.reply(Reply::json(200, {{"jobs", std::move(list)}, {"nextCursor", std::move(cursor)}}));
}

void create(Services& services, Context& context) {
    JobSettings settings;
    if (!readSettings(context, settings, true)) return;
    std::optional<std::string> creator;
    if (context.principal.id.starts_with("user:")) creator = context.principal.id.substr(5);
    Job job = services.jobs.createJob(settings, creator);
    auditChange(services, context, "job.create", "job:" + job.id, job.name);
    Reply reply = Reply::json(201, {{"success", true}, {"job", withTests(services, job)}});
    context.reply(std::move(reply.with("Location", "/api/jobs/" + job.id)));
}

void read(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    auto job = services.jobs.findJob(*id);
    if (!job) return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    context.reply(Reply::json(200, {{"success", true}, {"job", withTests(services, *job)}}));
}

void update(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    untilWritten([&] {
        const auto job = services.jobs.findJob(*id);
        if (!job) return context.refuse(notFound("Job", "JOB_NOT_FOUND")), true;
        JobSettings settings = *job;
        const auto changed = readSettings(context, settings, false);
        if (!changed) return true;
        const auto updated = services.jobs.updateJob(*job, settings);
        if (!updated) return false;
        auditChange(services, context, "job.update", "job:" + *id, *changed);
        services.scheduler.wake(); // resumed, or a higher limit
        context.reply(Reply::json(200, {{"success", true}, {"job", withTests(services, *updated)}}));
        return true;
    });
}

void remove(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    if (!services.jobs.deleteJob(*id)) return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    auditChange(services, context, "job.delete", "job:" + *id);
    context.reply(Reply::json(200, {{"success", true}, {"message", "Job deleted successfully"}}));
}

void setTests(Services& services, Context& context) {
    auto id = jobIdOf(context);
    if (!id) return;
    BodyReader body(context.request());
    std::vector<std::string> ids;
    const Json* list = body.value("tests");
    if (!list || !list->is_array() || list->size() > 1000) {
        body.fault("tests", "must be a list of at most 1000 test ids");
    } else {
        std::set<std::string> seen;
        for (std::size_t i = 0; i < list->size(); ++i) {
            const Json& one = (*list)[i];
            auto test = one.is_string() ? parseUuid(one.get<std::string>()) : std::nullopt;
            std::string field = "tests[" + std::to_string(i) + "]";
            if (!test)
                body.fault(field, "must be a test id (a UUID)");
            else if (!seen.insert(*test).second)
                body.fault(field, "this test appears twice");
            else
                ids.push_back(*test);
        }
    }
    if (auto refusal = body.problem()) return void(context.refuse(*refusal));
    switch (services.jobs.setTestsOf(*id, ids)) {
    case JobStore::ListChange::jobNotFound:
        context.refuse(notFound("Job", "JOB_NOT_FOUND"));
        return;
    case JobStore::ListChange::testNotFound:
        context.refuse(invalidBody({{"tests", "one of these tests does not exist"}}));
        return;
    case JobStore::ListChange::changed:
        break;
    }
    auditChange(services, context, "job.update", "job:" + *id, "tests");
    Json tests = Json::array();
    for (const Test& test : services.jobs.testsOf(*id)) tests.push_back(toJson(test, false));
    context.reply(Reply::json(200, {{"success", true}, {"tests", std::move(tests)}}));
}

} // namespace

void addJobRoutes(Router& router, Services& s) {
    router.add({"GET", "/api/jobs", "job.list", [&s](Shared c) { list(s, *c); }});
    router.add({"POST", "/api/jobs", "job.create", [&s](Shared c) { create(s, *c); }});
    router.add({"GET", "/api/jobs/{id}", "job.read", [&s](Shared c) { read(s, *c); }});
    router.add({"PATCH", "/api/jobs/{id}", "job.update", [&s](Shared c) { update(s, *c); }});
    router.add({"DELETE", "/api/jobs/{id}", "job.delete", [&s](Shared c) { remove(s, *c); }});
    router.add({"PUT", "/api/jobs/{id}/tests", "job.update", [&s](Shared c) { setTests(s, *c); }});
}

} // namespace usher
