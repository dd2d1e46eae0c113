#pragma once

#include "app/TimeZone.h"

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace usher {

/// DESIGN. A cron expression of five fields: minute, hour, day of month, month, day of week, as crontab(5)
/// has them: `*`, numbers, names (JAN, MON), ranges, lists, steps after `*` or a range; Sunday is 0 and 7.
/// When both days are restricted, either is enough; a day field that begins with `*` does not restrict.
/// Debian has no library for them in C or C++; the zones come from one.
///
/// Where clocks are changed:
/// - put forward: times that the clock never shows come when it is put forward, all of them as one tick;
/// - put back: times that it shows twice come the first time only, unless the expression means every hour;
///   then they come both times, so that "every ten minutes" leaves no hour out.
/// A value; [any-thread].
class CronExpression {
public:
    /// Or why not, for people.
    static std::variant<CronExpression, std::string> parse(std::string_view text);

    /// The first tick after `time`; nothing when there is none in the next nine years (30 February).
    std::optional<Micros> next(Micros time, const TimeZone& zone) const;
    /// The last tick not after `time`; nothing when there is none in the last nine years.
    std::optional<Micros> last(Micros time, const TimeZone& zone) const;

private:
    CronExpression() = default;
    bool matches(DayNumber day) const;
    /// All ticks that belong to a local day, in order.
    std::vector<Micros> ticksOf(DayNumber day, const TimeZone& zone) const;

    std::bitset<60> _minutes;
    std::bitset<24> _hours;
    std::bitset<32> _daysOfMonth; ///< from 1
    std::bitset<13> _months;      ///< from 1
    std::bitset<7> _daysOfWeek;   ///< Sunday is 0
    bool _anyDayOfMonth = false, _anyDayOfWeek = false;
};

} // namespace usher
