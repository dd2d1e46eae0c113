#pragma once

#include "base/Clock.h"
#include "domain/TriggerStore.h"

#include <optional>
#include <string>
#include <vector>

namespace usher {

enum class OnMissed { runOnce, skip };

std::string_view toText(OnMissed value); ///< run-once, skip
std::optional<OnMissed> onMissedFrom(std::string_view text);

/// What a person sets.
struct ScheduleSettings {
    std::string cron; ///< five fields, as app/CronExpression reads them
    std::string timeZone = "UTC";
    OnMissed onMissed = OnMissed::runOnce;
    bool paused = false;
};

struct Schedule : ScheduleSettings {
    std::string id;
    std::string jobId;
    std::optional<Micros> nextAt; ///< nothing while paused
    std::optional<Micros> lastTickAt;
    std::string lastOutcome; ///< empty before the first tick
    std::optional<std::string> lastRunId;
    Micros createdAt = 0;
    Micros updatedAt = 0; ///< of the settings: ticks leave it
};

/// One tick of a schedule, as it was decided.
struct ScheduleTick {
    Schedule schedule; ///< as it was read: the tick is ours only while nextAt and updatedAt are still these
    Micros at = 0;     ///< whose time has come
    std::optional<Micros> nextAt;
    std::optional<NewRun> run; ///< nothing: the tick makes none
    std::string outcome;       ///< recorded, unless there is a run that says otherwise
};

/// What became of it.
struct TickResult {
    enum class Kind {
        done,          ///< recorded, with the run or without
        coalesced,     ///< recorded; the job had an equal run queued (runId)
        busy,          ///< recorded; the job refuses more than it has
        taken,         ///< another node, or a change of the schedule, was faster: nothing was written
        revisionMoved, ///< the job has changed since it was judged: nothing was written
    };
    Kind kind = Kind::done;
    std::string runId;
};

/// Schedules of jobs. [any-thread] Every call may throw StorageUnavailable.
class ScheduleStore {
public:
    static constexpr int kMostOfJob = 100;
    enum class Change { done, jobNotFound, tooMany };

    virtual ~ScheduleStore() = default;

    /// By the clock that all nodes share: the database's.
    virtual Micros now() = 0;
    virtual std::vector<Schedule> schedulesOf(const std::string& jobId) = 0; ///< oldest first
    virtual std::optional<Schedule> findSchedule(const std::string& jobId, const std::string& id) = 0;
    virtual Change createSchedule(const Schedule&) = 0;
    /// The settings, nextAt and updatedAt. False, and nothing is written, when it has been changed or has
    /// ticked since it was `seen`, or is gone: read it again.
    virtual bool updateSchedule(const Schedule& seen, const Schedule& changed) = 0;
    virtual bool deleteSchedule(const std::string& jobId, const std::string& id) = 0;

    /// Whose time has come, the longest due first.
    virtual std::vector<Schedule> findDue(Micros now, int atMost) = 0;
    /// Whose last tick lies after `time`: the clock was ahead then, and has been put back since.
    virtual std::vector<Schedule> findAhead(Micros time, int atMost) = 0;
    /// In one transaction: moves the schedule on, if nobody else has, and inserts the run. When it returns
    /// done, both survive a power cut; when it fails, neither was done or both were.
    virtual TickResult commitTick(const ScheduleTick&) = 0;
    /// Only moves nextAt, and forgets the last tick's time; guarded like a tick.
    virtual void resetTick(const Schedule& seen, Micros nextAt) = 0;
};

} // namespace usher
