#include "storage/SqlRunReads.h"

#include "base/Cursor.h"
#include "base/Json.h"
#include "base/Uuid.h"

#include <algorithm>

namespace usher {

namespace {

constexpr std::size_t kRunColumns = 23;
const std::string kSelectRun =
    "SELECT CAST(r.id AS varchar(36)), CAST(r.job_id AS varchar(36)), j.name, r.status, r.\"trigger\", "
    "r.triggered_by, "
    "r.principal_id, CAST(r.attempt AS text), CAST(r.lease_epoch AS text), CAST(r.revision AS text), "
    "CAST(r.parameters AS text), r.node_id, r.sandbox, CAST(coalesce(r.first_queued_at, r.queued_at) AS "
    "text), CAST(r.started_at AS "
    "text), "
    "CAST(r.completed_at AS text), CAST(r.duration_ms AS text), CAST(r.exit_code AS text), CAST(r.signal AS "
    "text), "
    "r.error_details, CASE WHEN r.cancel_requested_at IS NULL THEN '0' ELSE '1' END, "
    "CAST(r.priority AS text), CAST(r.lease_expires_at AS text) FROM runs r JOIN jobs j ON j.id = r.job_id ";

std::optional<int> maybeInt(const SqlRows& rows, std::size_t row, std::size_t column) {
    if (auto value = rows.maybeInteger(row, column)) return static_cast<int>(*value);
    return std::nullopt;
}

Run runAt(const SqlRows& rows, std::size_t row) {
    Run run;
    run.id = rows.text(row, 0);
    run.jobId = rows.text(row, 1);
    run.jobName = rows.text(row, 2);
    run.status = runStatusFrom(rows.text(row, 3)).value_or(RunStatus::error);
    run.trigger = rows.text(row, 4);
    run.triggeredBy = rows.text(row, 5);
    run.principalId = rows.text(row, 6);
    run.attempt = static_cast<int>(rows.integer(row, 7));
    run.leaseEpoch = rows.integer(row, 8);
    run.revision = rows.integer(row, 9);
    run.parameters = environmentFromJson(rows.text(row, 10));
    run.nodeId = rows.text(row, 11);
    run.sandbox = rows.text(row, 12);
    run.queuedAt = rows.integer(row, 13);
    run.startedAt = rows.maybeInteger(row, 14);
    run.completedAt = rows.maybeInteger(row, 15);
    run.durationMs = rows.maybeInteger(row, 16);
    run.exitCode = maybeInt(rows, row, 17);
    run.signal = maybeInt(rows, row, 18);
    run.errorDetails = rows.text(row, 19);
    run.cancelRequested = rows.flag(row, 20);
    return run;
}

void readTests(Poco::Data::Session& session, Run& run) {
    const SqlRows rows =
        sqlSelect(session,
                  "SELECT CAST(position AS text), CAST(test_id AS varchar(36)), title, type, status, "
                  "CAST(exit_code AS text), CAST(signal AS text), CAST(started_at AS text), "
                  "CAST(completed_at AS text), CAST(duration_ms AS text), CAST(output_bytes AS text), "
                  "CASE WHEN truncated THEN '1' ELSE '0' END, error_details, CAST(cases AS text) "
                  "FROM run_tests WHERE run_id = $1 ORDER BY position",
                  14, {sqlValue(run.id)});
    for (std::size_t i = 0; i < rows.size(); ++i) {
        RunTest test;
        test.position = static_cast<int>(rows.integer(i, 0));
        test.testId = rows.text(i, 1);
        test.title = rows.text(i, 2);
        test.type = rows.text(i, 3);
        test.status = testStatusFrom(rows.text(i, 4)).value_or(TestStatus::error);
        test.exitCode = maybeInt(rows, i, 5);
        test.signal = maybeInt(rows, i, 6);
        test.startedAt = rows.maybeInteger(i, 7);
        test.completedAt = rows.maybeInteger(i, 8);
        test.durationMs = rows.maybeInteger(i, 9);
        test.outputBytes = rows.integer(i, 10);
        test.truncated = rows.flag(i, 11);
        test.errorDetails = rows.text(i, 12);
        test.casesJson = rows.value(i, 13).value_or("[]");
        run.tests.push_back(std::move(test));
    }
    if (!run.tests.empty()) return;
    // Not claimed yet: the tests of its revision, all pending.
    const SqlRows planned = sqlSelect(
        session, "SELECT CAST(tests AS text) FROM job_revisions WHERE job_id = $1 AND revision = $2", 1,
        {sqlValue(run.jobId), sqlValue(run.revision)});
    if (planned.empty()) return;
    for (const TestToRun& plan : testsFromJson(planned.text(0, 0))) {
        RunTest test;
        test.position = plan.position;
        test.testId = plan.testId;
        test.title = plan.title;
        test.type = plan.type;
        run.tests.push_back(std::move(test));
    }
}

void readTimeline(Poco::Data::Session& session, Run& run) {
    // The insert of a run writes no event of its own: the row says when it was queued.
    run.timeline.push_back({run.queuedAt, "queued", "", 1, ""});
    const SqlRows rows = sqlSelect(session,
                                   "SELECT CAST(at AS text), type, node_id, CAST(attempt AS text), detail "
                                   "FROM run_events WHERE run_id = $1 ORDER BY id",
                                   5, {sqlValue(run.id)});
    for (std::size_t i = 0; i < rows.size(); ++i)
        run.timeline.push_back({rows.integer(i, 0), rows.text(i, 1), rows.text(i, 2),
                                static_cast<int>(rows.integer(i, 3)), rows.text(i, 4)});
}

} // namespace

Page<Run> SqlRunReads::listRuns(const RunFilter& filter) {
    Page<Run> page;
    const int limit = std::clamp(filter.page.limit, 1, 200);
    std::vector<SqlValue> params;
    std::string where;
    auto require = [&](const std::string& condition, const std::string& value) {
        params.push_back(sqlValue(value));
        where += (where.empty() ? "WHERE " : "AND ") + condition + " $" + std::to_string(params.size()) + " ";
    };
    if (filter.jobId) {
        const auto jobId = parseUuid(*filter.jobId);
        if (!jobId) return page;
        require("r.job_id =", *jobId);
    }
    // As a literal, so that the partial indexes of queued and running runs are found.
    if (filter.status)
        where += std::string(where.empty() ? "WHERE " : "AND ") + "r.status = '" +
                 std::string(toText(*filter.status)) + "' ";
    if (filter.principalId) require("r.principal_id =", *filter.principalId);
    if (auto cursor = cursorFrom(filter.page.cursor)) require("r.id <", cursor->id);
    const std::string order = "ORDER BY r.id DESC LIMIT " + std::to_string(limit + 1);
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(session, kSelectRun + where + order, kRunColumns, params);
        for (std::size_t i = 0; i < rows.size() && static_cast<int>(i) < limit; ++i)
            page.items.push_back(runAt(rows, i));
        if (rows.size() > static_cast<std::size_t>(limit))
            page.nextCursor = toCursor({page.items.back().queuedAt, page.items.back().id});
    });
    return page;
}

std::optional<Run> SqlRunReads::findRun(const std::string& id) {
    const auto uuid = parseUuid(id);
    std::optional<Run> run;
    if (!uuid) return run;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows =
            sqlSelect(session, kSelectRun + "WHERE r.id = $1", kRunColumns, {sqlValue(*uuid)});
        if (rows.empty()) return;
        run = runAt(rows, 0);
        readTests(session, *run);
        readTimeline(session, *run);
    });
    return run;
}

std::string describeEnd(const RunOutcome& outcome) {
    if (!outcome.errorDetails.empty()) return outcome.errorDetails;
    if (outcome.signal) return "signal " + std::to_string(*outcome.signal);
    return outcome.exitCode ? "exit code " + std::to_string(*outcome.exitCode) : "";
}

std::string describeRetry(const RunOutcome& outcome, std::chrono::milliseconds delay) {
    return "attempt " + std::to_string(outcome.attempt + 1) + " in " + std::to_string(delay.count()) + " ms";
}

Environment environmentFromJson(const std::string& json) {
    Environment environment;
    const Json parsed = Json::parse(json, nullptr, false);
    if (!parsed.is_object()) return environment;
    for (const auto& [name, value] : parsed.items())
        if (value.is_string()) environment[name] = value.get<std::string>();
    return environment;
}

std::vector<TestToRun> testsFromJson(const std::string& json) {
    std::vector<TestToRun> tests;
    const Json parsed = Json::parse(json, nullptr, false);
    if (!parsed.is_array()) return tests;
    auto text = [](const Json& object, const char* name) {
        auto found = object.find(name);
        return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    for (const Json& one : parsed) {
        if (!one.is_object()) continue;
        TestToRun test;
        test.position = static_cast<int>(tests.size());
        test.testId = text(one, "testId");
        test.title = text(one, "title");
        test.type = text(one, "type");
        test.script = text(one, "script");
        auto plain = one.find("plain"); // SQLite writes 0 and 1
        test.plainScript = plain != one.end() && (plain->is_boolean() ? plain->get<bool>() : *plain == 1);
        tests.push_back(std::move(test));
    }
    return tests;
}

} // namespace usher
