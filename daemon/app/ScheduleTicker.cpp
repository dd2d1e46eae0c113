#include "app/ScheduleTicker.h"

#include "app/TriggerRules.h"

#include <algorithm>
#include <random>

namespace usher {

namespace {

constexpr int kBatch = 64;
constexpr int kLooksForAhead = 60; // seconds
constexpr Micros kSecond = 1'000'000;

/// The refusal's code, or nothing when the run may be queued.
bool makesRun(const std::string& outcome) {
    return outcome == "run" || outcome == "coalesced";
}

Instant deadline() {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(1800);
}

} // namespace

void ScheduleTicker::start() {
    _thread = std::thread([this] { run(); });
}

void ScheduleTicker::stop() {
    {
        Lock lock(_mutex);
        _stopping = true;
    }
    _changed.notifyAll();
    if (_thread.joinable()) _thread.join();
}

void ScheduleTicker::run() {
    bool away = false;
    for (int looks = 0; waitForNextSecond(); ++looks) {
        try {
            if (looks % kLooksForAhead == 0) resetAhead();
            tickAll();
            away = false;
        } catch (const std::exception& error) {
            if (!away) _parts.logger.warning("schedules wait: " + std::string(error.what()));
            away = true;
        }
    }
}

bool ScheduleTicker::waitForNextSecond() {
    const Micros rest = kSecond - _parts.clock.now() % kSecond + 2000;
    Lock lock(_mutex);
    const Instant until = _parts.clock.instant() + std::chrono::microseconds(rest);
    while (!_stopping && _parts.clock.instant() < until) _changed.waitUntil(lock, until);
    return !_stopping;
}

void ScheduleTicker::tickAll() {
    std::minstd_rand random{std::random_device{}()};
    std::set<std::string> left; // to other nodes; they stay due, and must not fill the batches
    for (int batch = 0; batch < 100; ++batch) {
        const Micros now = _parts.schedules.now();
        const int atMost = kBatch + static_cast<int>(left.size());
        std::vector<Schedule> due = _parts.schedules.findDue(now, atMost);
        // Every node finds the same ones: in another order they hardly ever wait for one another.
        std::shuffle(due.begin(), due.end(), random);
        for (const Schedule& schedule : due) {
            if (left.contains(schedule.id)) continue;
            if (const auto zone = zoneOf(schedule))
                tick(schedule, *zone, now);
            else
                left.insert(schedule.id);
        }
        if (static_cast<int>(due.size()) < atMost) return;
        Lock lock(_mutex);
        if (_stopping) return;
    }
}

void ScheduleTicker::resetAhead() {
    const Micros now = _parts.schedules.now();
    for (const Schedule& schedule : _parts.schedules.findAhead(now + kAhead, kBatch)) {
        const auto parsed = CronExpression::parse(schedule.cron);
        const auto zone = TimeZone::find(schedule.timeZone);
        const auto* cron = std::get_if<CronExpression>(&parsed);
        const auto next = cron && zone ? cron->next(now, *zone) : std::nullopt;
        if (!next) continue;
        _parts.schedules.resetTick(schedule, *next);
        _parts.logger.warning("schedule " + schedule.id +
                              ": its last tick lies hours ahead, so the clock was " + "wrong; goes on at " +
                              formatTime(*next));
    }
}

std::optional<TimeZone> ScheduleTicker::zoneOf(const Schedule& schedule) {
    auto zone = TimeZone::find(schedule.timeZone);
    if (zone)
        _unknownZones.erase(schedule.timeZone);
    else if (_unknownZones.insert(schedule.timeZone).second)
        _parts.logger.error("schedule:" + schedule.id + " job:" + schedule.jobId +
                            ": this system has no time zone " + schedule.timeZone +
                            " (is tzdata installed and up to date?); " +
                            "schedules in it are left to other nodes");
    return zone;
}

void ScheduleTicker::tick(const Schedule& schedule, const TimeZone& zone, Micros now) {
    // The job may change between the look and the insert: looked at again.
    for (int attempt = 0; attempt < 3; ++attempt) {
        const ScheduleTick tick = decide(schedule, zone, now);
        TickResult result;
        try {
            result = _parts.schedules.commitTick(tick);
        } catch (...) { // the commit may have happened
            if (tick.run) _parts.gauge.stored(schedule.jobId);
            throw;
        }
        const bool inserted = tick.run && result.kind == TickResult::Kind::done;
        if (tick.run) inserted ? _parts.gauge.stored(schedule.jobId) : _parts.gauge.dropped(schedule.jobId);
        if (inserted) _parts.wakeScheduler();
        if (result.kind == TickResult::Kind::taken) return;
        if (result.kind != TickResult::Kind::revisionMoved) return say(tick, result);
    }
}

ScheduleTick ScheduleTicker::decide(const Schedule& schedule, const TimeZone& zone, Micros now) {
    ScheduleTick tick;
    tick.schedule = schedule;
    tick.at = schedule.nextAt.value_or(now);
    const auto parsed = CronExpression::parse(schedule.cron);
    const auto* cron = std::get_if<CronExpression>(&parsed);
    if (!cron) { // written by another program
        tick.outcome = "INVALID_SCHEDULE";
        return tick;
    }
    tick.at = std::max(tick.at, cron->last(now, zone).value_or(tick.at));
    tick.nextAt = cron->next(now, zone);
    if (now - tick.at > kOnTime && schedule.onMissed == OnMissed::skip) {
        tick.outcome = "missed";
        return tick;
    }
    auto judged = judge(schedule);
    if (auto* code = std::get_if<std::string>(&judged)) {
        tick.outcome = std::move(*code);
    } else {
        tick.run = std::get<NewRun>(std::move(judged));
        tick.outcome = "run";
    }
    return tick;
}

std::variant<NewRun, std::string> ScheduleTicker::judge(const Schedule& schedule) {
    const auto views = _parts.triggers.viewJobs({&schedule.jobId, 1}, deadline());
    PendingTrigger pending;
    pending.jobId = schedule.jobId;
    pending.kind = "schedule";
    pending.principal.id = "schedule:" + schedule.id;
    pending.principal.name = "schedule " + schedule.cron + " " + schedule.timeZone;
    if (auto refusal = judgeTrigger(pending, views.front(), _rules, _parts.clock.now())) return refusal->code;
    if (!reservePlace(pending.run, views.front()->queueLimit)) return std::string("QUEUE_FULL");
    return std::move(pending.run);
}

bool ScheduleTicker::reservePlace(const NewRun& run, int queueLimit) {
    return _parts.gauge.reserve({{&run.jobId, queueLimit}}, _parts.clock.instant(), deadline()).front() > 0;
}

void ScheduleTicker::say(const ScheduleTick& tick, const TickResult& result) {
    std::string outcome = tick.outcome;
    if (result.kind == TickResult::Kind::busy) outcome = "JOB_BUSY";
    if (result.kind == TickResult::Kind::coalesced) outcome = "coalesced";
    const std::string id = "schedule:" + tick.schedule.id, job = "job:" + tick.schedule.jobId;
    const std::string line = id + " " + job + " tick=" + formatTime(tick.at) + " " + outcome;
    if (makesRun(outcome)) return _parts.logger.information(line + " run=" + result.runId);
    if (outcome == "INVALID_SCHEDULE")
        _parts.logger.error(line + ": change its cron expression");
    else
        _parts.logger.information(line);
    _parts.record({0, id, "schedule.skip", job, "refused", outcome == "missed" ? "TICK_MISSED" : outcome, "",
                   "", "tick " + formatTime(tick.at)});
}

} // namespace usher
