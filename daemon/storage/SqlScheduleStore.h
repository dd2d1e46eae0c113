#pragma once

#include "domain/ScheduleStore.h"
#include "storage/SqlSource.h"

namespace usher {

/// Schedules on either database. [any-thread]
class SqlScheduleStore final : public ScheduleStore {
public:
    explicit SqlScheduleStore(SqlSource& source) : _source(source) {}

    Micros now() override;
    std::vector<Schedule> schedulesOf(const std::string& jobId) override;
    std::optional<Schedule> findSchedule(const std::string& jobId, const std::string& id) override;
    Change createSchedule(const Schedule&) override;
    bool updateSchedule(const Schedule& seen, const Schedule& changed) override;
    bool deleteSchedule(const std::string& jobId, const std::string& id) override;

    std::vector<Schedule> findDue(Micros now, int atMost) override;
    std::vector<Schedule> findAhead(Micros time, int atMost) override;
    TickResult commitTick(const ScheduleTick&) override;
    void resetTick(const Schedule& seen, Micros nextAt) override;

private:
    bool postgres() const { return _source.kind() == SqlSource::Kind::postgres; }
    /// Moves the schedule on; false when somebody else has.
    bool take(Poco::Data::Session&, const ScheduleTick&);
    TickResult insert(Poco::Data::Session&, const NewRun&);
    std::vector<Schedule> select(const std::string& where, const std::vector<SqlValue>& values);

    SqlSource& _source;
};

} // namespace usher
