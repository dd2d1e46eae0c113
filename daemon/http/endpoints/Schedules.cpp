#include "app/CronExpression.h"
#include "base/Uuid.h"
#include "http/BodyReader.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

using Shared = std::shared_ptr<Context>;

Refusal scheduleNotFound() {
    return notFound("Schedule", "SCHEDULE_NOT_FOUND");
}

std::optional<std::string> scheduleIdOf(Context& context) {
    auto id = parseUuid(context.param("scheduleId"));
    if (!id)
        context.refuse({400,
                        "Invalid schedule ID format",
                        "An id is a UUID, for example 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e.",
                        "INVALID_SCHEDULE_ID",
                        {},
                        0});
    return id;
}

Json timeOrNull(const std::optional<Micros>& time) {
    return time ? Json(formatTime(*time)) : Json(nullptr);
}

Json toJson(const Schedule& s) {
    return {{"id", s.id},
            {"jobId", s.jobId},
            {"cron", s.cron},
            {"timeZone", s.timeZone},
            {"onMissed", toText(s.onMissed)},
            {"paused", s.paused},
            {"nextAt", timeOrNull(s.nextAt)},
            {"lastTickAt", timeOrNull(s.lastTickAt)},
            {"lastOutcome", s.lastOutcome.empty() ? Json(nullptr) : Json(s.lastOutcome)},
            {"lastRunId", s.lastRunId ? Json(*s.lastRunId) : Json(nullptr)},
            {"createdAt", formatTime(s.createdAt)},
            {"updatedAt", formatTime(s.updatedAt)}};
}

/// Overwrites what the body names, and says when the next tick is; the names, or nothing when refused.
std::optional<std::string> readSettings(Context& context, Schedule& schedule, bool creating, Micros now) {
    BodyReader body(context.request());
    const ScheduleSettings before = schedule;
    if (auto cron = body.text("cron", 1, 200, creating, true)) schedule.cron = *cron;
    if (auto zone = body.text("timeZone", 1, 64)) schedule.timeZone = *zone;
    if (auto value = body.oneOf("onMissed", {"run-once", "skip"})) schedule.onMissed = *onMissedFrom(*value);
    if (auto paused = body.boolean("paused")) schedule.paused = *paused;
    const auto parsed = CronExpression::parse(schedule.cron);
    const auto* problem = std::get_if<std::string>(&parsed);
    if (problem && !schedule.cron.empty()) body.fault("cron", *problem);
    const auto zone = TimeZone::find(schedule.timeZone);
    if (!zone) body.fault("timeZone", "must be a time zone of the IANA database, for example Europe/Berlin");
    std::optional<Micros> next;
    if (!problem && zone) {
        next = std::get<CronExpression>(parsed).next(now, *zone);
        if (!next) body.fault("cron", "never comes: there is no such date");
    }
    if (auto refusal = body.problem()) {
        context.refuse(*refusal);
        return std::nullopt;
    }
    const bool moved = creating || before.cron != schedule.cron || before.timeZone != schedule.timeZone ||
                       before.paused != schedule.paused || !schedule.nextAt;
    if (moved) schedule.nextAt = next;
    if (schedule.paused) schedule.nextAt.reset();
    return body.names();
}

void list(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    if (!services.jobs.findJob(*job)) return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    Json schedules = Json::array();
    for (const Schedule& schedule : services.schedules.schedulesOf(*job))
        schedules.push_back(toJson(schedule));
    context.reply(Reply::json(200, {{"success", true}, {"schedules", std::move(schedules)}}));
}

void create(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    const Micros now = services.schedules.now();
    Schedule schedule;
    schedule.id = createUuid();
    schedule.jobId = *job;
    schedule.createdAt = schedule.updatedAt = now;
    if (!readSettings(context, schedule, true, now)) return;
    switch (services.schedules.createSchedule(schedule)) {
    case ScheduleStore::Change::jobNotFound:
        return void(context.refuse(notFound("Job", "JOB_NOT_FOUND")));
    case ScheduleStore::Change::tooMany:
        return void(context.refuse({409,
                                    "Maximum of 100 schedules per job reached",
                                    "Delete one that is no longer needed.",
                                    "TOO_MANY_SCHEDULES",
                                    {},
                                    0}));
    case ScheduleStore::Change::done:
        break;
    }
    auditChange(services, context, "schedule.create", "job:" + *job, schedule.cron + " " + schedule.timeZone);
    Reply reply = Reply::json(201, {{"success", true}, {"schedule", toJson(schedule)}});
    context.reply(std::move(reply.with("Location", "/api/jobs/" + *job + "/schedules/" + schedule.id)));
}

void update(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    auto id = scheduleIdOf(context);
    if (!id) return;
    untilWritten([&] {
        const auto seen = services.schedules.findSchedule(*job, *id);
        if (!seen) return context.refuse(scheduleNotFound()), true;
        Schedule schedule = *seen;
        const Micros now = services.schedules.now();
        const auto changed = readSettings(context, schedule, false, now);
        if (!changed) return true;
        schedule.updatedAt = std::max(now, seen->updatedAt + 1); // a tick that is under way sees the change
        if (!services.schedules.updateSchedule(*seen, schedule)) return false;
        auditChange(services, context, "schedule.update", "job:" + *job, *id + " " + *changed);
        context.reply(Reply::json(200, {{"success", true}, {"schedule", toJson(schedule)}}));
        return true;
    });
}

void remove(Services& services, Context& context) {
    auto job = jobIdOf(context);
    if (!job) return;
    auto id = scheduleIdOf(context);
    if (!id) return;
    if (!services.schedules.deleteSchedule(*job, *id)) return void(context.refuse(scheduleNotFound()));
    auditChange(services, context, "schedule.delete", "job:" + *job, *id);
    context.reply(Reply::json(200, {{"success", true}, {"message", "Schedule deleted successfully"}}));
}

} // namespace

void addScheduleRoutes(Router& router, Services& s) {
    const std::string all = "/api/jobs/{id}/schedules", one = all + "/{scheduleId}";
    router.add({"GET", all, "schedule.list", [&s](Shared c) { list(s, *c); }});
    router.add({"POST", all, "schedule.create", [&s](Shared c) { create(s, *c); }});
    router.add({"PATCH", one, "schedule.update", [&s](Shared c) { update(s, *c); }});
    router.add({"DELETE", one, "schedule.delete", [&s](Shared c) { remove(s, *c); }});
}

} // namespace usher
