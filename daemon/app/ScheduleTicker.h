#pragma once

#include "app/CronExpression.h"
#include "app/QueueGauge.h"
#include "app/TimeZone.h"
#include "app/TriggerBody.h"
#include "base/Mutex.h"
#include "domain/NodeStore.h"
#include "domain/ScheduleStore.h"

#include <Poco/Logger.h>

#include <functional>
#include <set>
#include <thread>

namespace usher {

/// DESIGN. Makes runs when their schedules say so. Every node looks once a second, by the database's clock,
/// for schedules whose time has come; who moves one on in the database has its tick, and inserts the run in
/// the same transaction: one run a tick, whoever dies when.
///
/// A tick that is found more than a minute late was missed: it is run once or skipped, by the schedule's
/// policy. Of several that were missed, only the last counts, so that a long stop is never followed by a
/// flood. A job that is paused, empty, full or busy gets no run, and the tick is recorded with the reason: on
/// the schedule and in the audit log.
///
/// A node whose system does not know a schedule's time zone (tzdata is missing or old there) leaves its ticks
/// to the others, and says so once. Where no node knows it, the tick waits until one does.
///
/// A clock that is put back makes no tick come twice. When it is put back by more than three hours, what was
/// run in between was run by a clock that was wrong, and schedules go by the new time (as cron(8) has it).
/// start(), stop() [main]; tickAll() by one caller at a time.
class ScheduleTicker {
public:
    struct Parts {
        ScheduleStore& schedules;
        TriggerStore& triggers;
        QueueGauge& gauge;
        const Clock& clock;
        Poco::Logger& logger;
        std::function<void()> wakeScheduler;
        std::function<void(AuditRecord)> record;
    };
    static constexpr Micros kOnTime = 60'000'000;
    static constexpr Micros kAhead = 3ll * 3600 * 1'000'000;

    explicit ScheduleTicker(Parts parts) : _parts(std::move(parts)) {}
    ~ScheduleTicker() { stop(); }

    void start();
    void stop();
    /// All that is due now. Throws StorageUnavailable.
    void tickAll();
    /// Schedules whose last tick lies far in the future go by the present time again.
    void resetAhead();

private:
    void run();
    bool waitForNextSecond();
    /// The zone, when this system knows it; otherwise that is said.
    std::optional<TimeZone> zoneOf(const Schedule& schedule);
    void tick(const Schedule& schedule, const TimeZone& zone, Micros now);
    ScheduleTick decide(const Schedule& schedule, const TimeZone& zone, Micros now);
    /// The run of a tick, judged like a trigger, or the code of why there is none.
    std::variant<NewRun, std::string> judge(const Schedule& schedule);
    bool reservePlace(const NewRun& run, int queueLimit);
    void say(const ScheduleTick& tick, const TickResult& result);

    Parts _parts;
    ParameterRules _rules;
    std::set<std::string> _unknownZones; ///< of which it has been said
    Mutex _mutex;
    Condition _changed;
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
