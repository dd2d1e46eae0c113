// audit: who changed what, and who was turned away.
#include "base/Clock.h"
#include "base/Text.h"
#include "ctl/Amounts.h"
#include "ctl/Commands.h"
#include "ctl/Context.h"
#include "ctl/TerminalText.h"

namespace usher::ctl {

namespace {

/// `2h`: that long ago; `2026-01-31`: its first moment; or the time itself. As the server wants it.
std::string timeGiven(const std::string& option, const std::string& text) {
    if (auto seconds = parseDuration(text)) return formatTime(SystemClock().now() - *seconds * 1'000'000);
    for (const char* rest : {"", "Z", "T00:00:00Z"})
        if (auto time = parseTime(text + rest)) return formatTime(*time);
    throw UsageError("--" + option +
                     ": neither a time like 2026-01-31T12:00:00Z nor one ago like 2h: " + oneLine(text, 40));
}

int audit(Context& context) {
    std::string path = "/api/audit";
    for (const char* option : {"since", "until"})
        if (auto text = context.find(option)) path = withQuery(path, option, timeGiven(option, *text));
    for (const char* option : {"actor", "action"})
        if (auto text = context.find(option)) path = withQuery(path, option, *text);
    const auto limit = static_cast<std::size_t>(context.integer("limit", 1, 100'000).value_or(50));
    context.client();
    Json records = context.allPages(path, "audit", limit);
    Table table({"WHEN", "WHO", "WHAT", "ON", "DECISION", "CODE", "FROM", "DETAIL"});
    auto cell = [](const Json& record, const char* name) {
        std::string text = textOf(record, name);
        return text.empty() ? std::string("-") : text;
    };
    for (const Json& record : records)
        table.add({timeOf(record, "at"), cell(record, "actor"), cell(record, "action"),
                   cell(record, "resource"), cell(record, "decision"), cell(record, "code"),
                   cell(record, "address"), cell(record, "detail")});
    return context.print(Json{{"audit", records}},
                         table.empty() ? "Nothing of that kind is on record.\n" : table.text());
}

} // namespace

void addAuditCommand(std::vector<Command>& commands) {
    commands.push_back(
        {"audit",
         "",
         "who changed what, and which triggers were refused (admins)",
         0,
         0,
         {{"since", "TIME", "from this time on: 2h, 7d ago, or 2026-01-31T12:00:00Z"},
          {"until", "TIME", "before this time"},
          {"actor", "A", "only of this one: user:ID, api-key:ID, or - for unknown keys"},
          {"action", "A", "only this: key.create, job.trigger, session.create, …"},
          {"limit", "N", "at most so many, the newest (default: 50)"}},
         "The newest comes first. Refusals of unknown keys are one record per address, code and\n"
         "minute, with a count.\n\n"
         "Examples\n"
         "  usherctl audit --since 2h\n"
         "  usherctl audit --action key.delete --json\n"
         "  usherctl audit --actor - --since 1d --limit 500",
         audit});
}

} // namespace usher::ctl
