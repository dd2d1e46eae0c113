#pragma once

#include "base/Clock.h"

#include <optional>
#include <string>
#include <vector>

namespace date {
class time_zone;
}

namespace usher {

/// A day of the calendar, counted from 1970-01-01.
using DayNumber = std::int64_t;

/// What a clock on the wall shows.
struct LocalMinute {
    DayNumber day = 0;
    int minute = 0; ///< of the day, from 0
};

/// A zone of the IANA database, as the system has it (tzdata). A value; [any-thread].
class TimeZone {
public:
    /// By its IANA name: Europe/Berlin, UTC. Nothing when the system does not know it.
    static std::optional<TimeZone> find(const std::string& name);

    LocalMinute localOf(Micros time) const;
    /// The instants at which the wall clock shows this: one; two where it is put back (the earlier first);
    /// where it is put forward and never shows it, the instant at which it is put forward, and `skipped`.
    struct Instants {
        std::vector<Micros> at;
        bool skipped = false;
    };
    Instants instantsOf(LocalMinute local) const;
    /// What to add to UTC all through this day, where that does not change: most days, and much faster.
    std::optional<Micros> offsetAllDay(DayNumber day) const;

private:
    explicit TimeZone(const date::time_zone* zone) : _zone(zone) {}
    const date::time_zone* _zone; ///< lives as long as the program
};

} // namespace usher
