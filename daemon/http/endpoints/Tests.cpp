#include "http/BodyReader.h"
#include "http/RunJson.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

/// Overwrites what the body names, and tells the names; nothing when it was refused.
std::optional<std::string> readSettings(Services& services, Context& context, TestSettings& settings,
                                        bool creating) {
    BodyReader body(context.request());
    if (auto title = body.text("title", 1, 255, creating, true)) settings.title = *title;
    if (body.isNull("description"))
        settings.description.clear();
    else if (auto text = body.text("description", 0, 10'000))
        settings.description = *text;
    if (creating && !body.has("type")) body.fault("type", "is required");
    if (auto type = body.oneOf("type", services.testTypes)) settings.type = *type;
    if (auto script = body.text("script", 1, 1u << 20, creating)) {
        settings.script = *script;
        settings.plainScript = true;
    }
    if (auto priority = body.integer("priority", 0, 9)) settings.priority = static_cast<int>(*priority);
    if (auto refusal = body.problem()) {
        context.refuse(*refusal);
        return std::nullopt;
    }
    return body.names();
}

void list(Services& services, Context& context) {
    auto page = pageOf(context);
    if (!page) return;
    auto tests = services.jobs.listTests(*page);
    Json list = Json::array();
    for (const Test& test : tests.items) list.push_back(toJson(test, false));
    Json cursor = tests.nextCursor.empty() ? Json(nullptr) : Json(tests.nextCursor);
    context.reply(Reply::json(200, {{"tests", std::move(list)}, {"nextCursor", std::move(cursor)}}));
}

void create(Services& services, Context& context) {
    TestSettings settings;
    if (!readSettings(services, context, settings, true)) return;
    Test test = services.jobs.createTest(settings);
    auditChange(services, context, "test.create", "test:" + test.id, test.title);
    Reply reply = Reply::json(201, {{"success", true}, {"test", toJson(test)}});
    context.reply(std::move(reply.with("Location", "/api/tests/" + test.id)));
}

void read(Services& services, Context& context) {
    auto id = testIdOf(context);
    if (!id) return;
    auto test = services.jobs.findTest(*id);
    if (!test) return void(context.refuse(notFound("Test", "TEST_NOT_FOUND")));
    context.reply(Reply::json(200, {{"success", true}, {"test", toJson(*test)}}));
}

void update(Services& services, Context& context) {
    auto id = testIdOf(context);
    if (!id) return;
    untilWritten([&] {
        const auto test = services.jobs.findTest(*id);
        if (!test) return context.refuse(notFound("Test", "TEST_NOT_FOUND")), true;
        TestSettings settings = *test;
        const auto changed = readSettings(services, context, settings, false);
        if (!changed) return true;
        const auto updated = services.jobs.updateTest(*test, settings);
        if (!updated) return false;
        auditChange(services, context, "test.update", "test:" + *id, *changed);
        context.reply(Reply::json(200, {{"success", true}, {"test", toJson(*updated)}}));
        return true;
    });
}

void remove(Services& services, Context& context) {
    auto id = testIdOf(context);
    if (!id) return;
    switch (services.jobs.deleteTest(*id)) {
    case JobStore::Removal::notFound:
        context.refuse(notFound("Test", "TEST_NOT_FOUND"));
        return;
    case JobStore::Removal::inUse:
        context.refuse(
            {409, "Test is in use", "Take the test out of every job's list first.", "TEST_IN_USE", {}, 0});
        return;
    case JobStore::Removal::removed:
        break;
    }
    auditChange(services, context, "test.delete", "test:" + *id);
    context.reply(Reply::json(200, {{"success", true}, {"message", "Test deleted successfully"}}));
}

} // namespace

void addTestRoutes(Router& router, Services& s) {
    router.add({"GET", "/api/tests", "test.list", [&s](Shared c) { list(s, *c); }});
    router.add({"POST", "/api/tests", "test.create", [&s](Shared c) { create(s, *c); }});
    router.add({"GET", "/api/tests/{id}", "test.read", [&s](Shared c) { read(s, *c); }});
    router.add({"PATCH", "/api/tests/{id}", "test.update", [&s](Shared c) { update(s, *c); }});
    router.add({"DELETE", "/api/tests/{id}", "test.delete", [&s](Shared c) { remove(s, *c); }});
}

} // namespace usher
