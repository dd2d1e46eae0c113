#include "http/BodyReader.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

constexpr std::chrono::milliseconds kAtMost{1200};

/// Deletes now what the rules let go, or what stricter rules in the body would. Answers in time with what was
/// done so far; `more` says to ask again.
void prune(Services& services, Context& context) {
    RetentionRules rules = services.retention.rules();
    if (!context.request().body.empty()) {
        BodyReader body(context.request());
        if (auto days = body.integer("keepDays", 1, 36'500)) rules.keepDays = static_cast<int>(*days);
        if (auto runs = body.integer("keepRuns", 1, 1'000'000'000)) rules.keepRuns = static_cast<int>(*runs);
        if (auto refusal = body.problem()) return void(context.refuse(*refusal));
    }
    const auto pruned = services.retention.prune(rules, services.clock.instant() + kAtMost);
    auditChange(services, context, "run.prune", "run:*", std::to_string(pruned.runs) + " runs");
    context.reply(Reply::json(200, {{"success", true}, {"deleted", pruned.runs}, {"more", pruned.more}}));
}

} // namespace

void addPruneRoute(Router& router, Services& services) {
    router.add({"POST", "/api/runs/prune", "run.prune",
                [&services](std::shared_ptr<Context> context) { prune(services, *context); }});
}

} // namespace usher
