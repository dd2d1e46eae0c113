// schedule list, add, update, pause, resume, delete.
#include "base/Text.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

std::string pathOf(Context& context) {
    return "/api/jobs/" + context.jobId(context.argument(0)) + "/schedules";
}

std::string oneOf(Context& context) {
    context.client();
    return pathOf(context) + "/" + percentEncode(context.argument(1));
}

std::string describe(const Json& answer) {
    const Json& schedule = memberOf(answer, "schedule");
    const std::string text = "Schedule " + textOf(schedule, "id") + " (" +
                             harmless(textOf(schedule, "cron")) + " " +
                             harmless(textOf(schedule, "timeZone")) + ")";
    return flagOf(schedule, "paused") ? text + " is paused.\n"
                                      : text + " comes next at " + timeOf(schedule, "nextAt") + " UTC.\n";
}

/// The fields that the options name.
Json fieldsOf(Context& context) {
    Json fields = Json::object();
    if (auto cron = context.find("cron")) fields["cron"] = *cron;
    if (auto zone = context.find("time-zone")) fields["timeZone"] = *zone;
    if (auto missed = context.find("on-missed")) fields["onMissed"] = *missed;
    return fields;
}

int list(Context& context) {
    Json answer = context.client().get(pathOf(context));
    Table table({"ID", "CRON", "TIME ZONE", "MISSED", "NEXT (UTC)", "LAST (UTC)", "LAST OUTCOME"});
    for (const Json& s : memberOf(answer, "schedules"))
        table.add({textOf(s, "id"), textOf(s, "cron"), textOf(s, "timeZone"), textOf(s, "onMissed"),
                   flagOf(s, "paused") ? "paused" : timeOf(s, "nextAt"), timeOf(s, "lastTickAt"),
                   textOf(s, "lastOutcome")});
    return context.print(answer, table.empty() ? "No schedules yet.\n" : table.text());
}

int add(Context& context) {
    context.client();
    Json fields = fieldsOf(context);
    fields["cron"] = context.argument(1);
    Json answer = context.client().send("POST", pathOf(context), fields).body;
    return context.print(answer, describe(answer));
}

int change(Context& context, const Json& fields) {
    Json answer = context.client().send("PATCH", oneOf(context), fields).body;
    return context.print(answer, describe(answer));
}

int update(Context& context) {
    const Json fields = fieldsOf(context);
    if (fields.empty())
        throw UsageError("nothing to change", "name at least one of --cron, --time-zone, --on-missed");
    return change(context, fields);
}

int pause(Context& context) {
    return change(context, Json{{"paused", true}});
}

int resume(Context& context) {
    return change(context, Json{{"paused", false}});
}

int remove(Context& context) {
    Json answer = context.client().send("DELETE", oneOf(context)).body;
    return context.print(answer, "Schedule " + harmless(context.argument(1)) + " is deleted.\n");
}

} // namespace

void addScheduleCommands(std::vector<Command>& commands) {
    const Option zone{"time-zone", "ZONE", "of the IANA database, for example Europe/Berlin (default: UTC)"};
    const Option missed{"on-missed", "POLICY", "run-once (default) or skip"};
    commands.push_back({"schedule list",
                        "JOB",
                        "when a job runs by itself",
                        1,
                        1,
                        {},
                        "LAST OUTCOME is run, coalesced, missed, or the code of why there was no run.\n\n"
                        "Example\n  usherctl schedule list nightly",
                        list});
    commands.push_back(
        {"schedule add",
         "JOB CRON",
         "run a job at certain times",
         2,
         2,
         {zone, missed},
         "CRON has five fields: minute, hour, day of month, month, day of week, as in crontab(5).\n"
         "Times that the clock skips when it is put forward come right after; times that it shows twice\n"
         "come once, unless the hour is *. A tick is missed when the server was away for more than a\n"
         "minute: run-once runs the last of them, skip runs none.\n\n"
         "Examples\n"
         "  usherctl schedule add nightly '30 3 * * *' --time-zone Europe/Berlin\n"
         "  usherctl schedule add smoke '*/10 8-18 * * MON-FRI' --on-missed skip",
         add});
    commands.push_back(
        {"schedule update",
         "JOB SCHEDULE",
         "change a schedule",
         2,
         2,
         {{"cron", "CRON", "five fields, as in schedule add"}, zone, missed},
         "Example\n  usherctl schedule update nightly 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e --cron "
         "'0 4 * * *'",
         update});
    commands.push_back({"schedule pause",
                        "JOB SCHEDULE",
                        "no ticks until it is resumed",
                        2,
                        2,
                        {},
                        "Example\n  usherctl schedule pause nightly 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e",
                        pause});
    commands.push_back({"schedule resume",
                        "JOB SCHEDULE",
                        "undo pause; what would have come meanwhile does not",
                        2,
                        2,
                        {},
                        "Example\n  usherctl schedule resume nightly 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e",
                        resume});
    commands.push_back({"schedule delete",
                        "JOB SCHEDULE",
                        "delete a schedule",
                        2,
                        2,
                        {},
                        "Example\n  usherctl schedule delete nightly 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e",
                        remove});
}

} // namespace usher::ctl
