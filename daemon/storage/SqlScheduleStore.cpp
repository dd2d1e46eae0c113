#include "storage/SqlScheduleStore.h"

#include "base/Uuid.h"

namespace usher {

namespace {

constexpr std::size_t kColumns = 12;
const std::string kSelect =
    "SELECT CAST(id AS varchar(36)), CAST(job_id AS varchar(36)), cron, time_zone, on_missed, CASE WHEN "
    "paused "
    "THEN '1' ELSE '0' END, CAST(next_at AS text), CAST(last_tick_at AS text), last_outcome, "
    "CAST(last_run_id AS varchar(36)), CAST(created_at AS text), CAST(updated_at AS text) FROM schedules ";

Schedule scheduleAt(const SqlRows& rows, std::size_t row) {
    Schedule schedule;
    schedule.id = rows.text(row, 0);
    schedule.jobId = rows.text(row, 1);
    schedule.cron = rows.text(row, 2);
    schedule.timeZone = rows.text(row, 3);
    schedule.onMissed = onMissedFrom(rows.text(row, 4)).value_or(OnMissed::runOnce);
    schedule.paused = rows.flag(row, 5);
    schedule.nextAt = rows.maybeInteger(row, 6);
    schedule.lastTickAt = rows.maybeInteger(row, 7);
    schedule.lastOutcome = rows.text(row, 8);
    schedule.lastRunId = rows.value(row, 9);
    schedule.createdAt = rows.integer(row, 10);
    schedule.updatedAt = rows.integer(row, 11);
    return schedule;
}

} // namespace

Micros SqlScheduleStore::now() {
    // One SQLite file has one node: its clock, in full.
    if (!postgres()) return SystemClock().now();
    Micros now = 0;
    _source.read([&](Poco::Data::Session& session) {
        now = sqlSelect(session, "SELECT CAST(usher_now() AS text)", 1).integer(0, 0);
    });
    return now;
}

std::vector<Schedule> SqlScheduleStore::select(const std::string& where,
                                               const std::vector<SqlValue>& values) {
    std::vector<Schedule> schedules;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(session, kSelect + where, kColumns, values);
        for (std::size_t i = 0; i < rows.size(); ++i) schedules.push_back(scheduleAt(rows, i));
    });
    return schedules;
}

std::vector<Schedule> SqlScheduleStore::schedulesOf(const std::string& jobId) {
    const auto job = parseUuid(jobId);
    if (!job) return {};
    return select("WHERE job_id = $1 ORDER BY created_at, id", {sqlValue(*job)});
}

std::optional<Schedule> SqlScheduleStore::findSchedule(const std::string& jobId, const std::string& id) {
    const auto job = parseUuid(jobId), schedule = parseUuid(id);
    if (!job || !schedule) return std::nullopt;
    auto found = select("WHERE id = $1 AND job_id = $2", {sqlValue(*schedule), sqlValue(*job)});
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

ScheduleStore::Change SqlScheduleStore::createSchedule(const Schedule& s) {
    Change change = Change::jobNotFound;
    const auto job = parseUuid(s.jobId);
    if (!job) return change;
    _source.write([&](Poco::Data::Session& session) {
        change = Change::jobNotFound;
        if (!sqlLockJob(session, _source.kind(), *job)) return;
        change = Change::tooMany;
        if (sqlCountOfJob(session, "schedules", *job) >= kMostOfJob) return;
        change = Change::done;
        sqlChange(session,
                  "INSERT INTO schedules (id, job_id, cron, time_zone, on_missed, paused, next_at, "
                  "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                  {sqlValue(s.id), sqlValue(*job), sqlValue(s.cron), sqlValue(s.timeZone),
                   sqlValue(toText(s.onMissed)), sqlValue(s.paused), sqlValue(s.nextAt),
                   sqlValue(s.createdAt), sqlValue(s.updatedAt)});
    });
    return change;
}

bool SqlScheduleStore::updateSchedule(const Schedule& seen, const Schedule& changed) {
    bool written = false;
    _source.write([&](Poco::Data::Session& session) {
        written =
            !sqlSelect(
                 session,
                 "UPDATE schedules SET cron = $1, time_zone = $2, on_missed = $3, paused = $4, next_at = "
                 "$5, updated_at = $6 WHERE id = $7 AND job_id = $8 AND updated_at = CAST($9 AS bigint) AND "
                 "next_at IS NOT DISTINCT FROM CAST($10 AS bigint) RETURNING cron",
                 1,
                 {sqlValue(changed.cron), sqlValue(changed.timeZone), sqlValue(toText(changed.onMissed)),
                  sqlValue(changed.paused), sqlValue(changed.nextAt), sqlValue(changed.updatedAt),
                  sqlValue(seen.id), sqlValue(seen.jobId), sqlValue(seen.updatedAt), sqlValue(seen.nextAt)})
                 .empty();
    });
    return written;
}

bool SqlScheduleStore::deleteSchedule(const std::string& jobId, const std::string& id) {
    bool found = false;
    const auto job = parseUuid(jobId), schedule = parseUuid(id);
    if (!job || !schedule) return found;
    _source.write([&](Poco::Data::Session& session) {
        const std::vector<SqlValue> which{sqlValue(*schedule), sqlValue(*job)};
        const std::string where = "FROM schedules WHERE id = $1 AND job_id = $2";
        found = !sqlSelect(session, "SELECT cron " + where, 1, which).empty();
        sqlChange(session, "DELETE " + where, which);
    });
    return found;
}

std::vector<Schedule> SqlScheduleStore::findDue(Micros now, int atMost) {
    return select("WHERE next_at <= CAST($1 AS bigint) ORDER BY next_at LIMIT " + std::to_string(atMost),
                  {sqlValue(now)});
}

std::vector<Schedule> SqlScheduleStore::findAhead(Micros time, int atMost) {
    // Its next tick is later still, so that the index finds it.
    return select("WHERE next_at > CAST($1 AS bigint) AND last_tick_at > CAST($2 AS bigint) ORDER BY next_at "
                  "LIMIT " +
                      std::to_string(atMost),
                  {sqlValue(time), sqlValue(time)});
}

bool SqlScheduleStore::take(Poco::Data::Session& session, const ScheduleTick& tick) {
    const Schedule& seen = tick.schedule;
    const SqlRows mine = sqlSelect(
        session,
        "UPDATE schedules SET next_at = CAST($1 AS bigint), last_tick_at = CAST($2 AS bigint), last_outcome "
        "= $3, last_run_id = NULL WHERE id = $4 AND next_at = CAST($5 AS bigint) AND updated_at = CAST($6 AS "
        "bigint) AND NOT paused RETURNING cron",
        1,
        {sqlValue(tick.nextAt), sqlValue(tick.at), sqlValue(tick.outcome), sqlValue(seen.id),
         sqlValue(seen.nextAt), sqlValue(seen.updatedAt)});
    return !mine.empty();
}

void SqlScheduleStore::resetTick(const Schedule& seen, Micros nextAt) {
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(session,
                  "UPDATE schedules SET next_at = CAST($1 AS bigint), last_tick_at = NULL WHERE id = $2 AND "
                  "next_at = CAST($3 AS bigint) AND updated_at = CAST($4 AS bigint)",
                  {sqlValue(nextAt), sqlValue(seen.id), sqlValue(seen.nextAt), sqlValue(seen.updatedAt)});
    });
}

} // namespace usher
