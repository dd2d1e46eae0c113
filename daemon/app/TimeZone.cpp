#include "app/TimeZone.h"

#include <date/tz.h>

namespace usher {

namespace {

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::int64_t kDaySeconds = 86'400;

std::int64_t floorDivide(std::int64_t value, std::int64_t by) {
    return value / by - (value % by < 0 ? 1 : 0);
}

date::local_seconds localSeconds(std::int64_t seconds) {
    return date::local_seconds(std::chrono::seconds(seconds));
}

} // namespace

std::optional<TimeZone> TimeZone::find(const std::string& name) {
    // Zones have upper-case names. What else lies in their folder would do harm: `localtime` means another
    // zone on each node, and what is below `right/` counts leap seconds.
    if (name.empty() || name.size() > 64 || name[0] < 'A' || name[0] > 'Z' || name == "Factory")
        return std::nullopt;
    try {
        return TimeZone(date::locate_zone(name));
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

LocalMinute TimeZone::localOf(Micros time) const {
    const std::int64_t seconds = floorDivide(time, kMicros);
    const auto info = _zone->get_info(date::sys_seconds(std::chrono::seconds(seconds)));
    const std::int64_t local = seconds + info.offset.count();
    const DayNumber day = floorDivide(local, kDaySeconds);
    return {day, static_cast<int>((local - day * kDaySeconds) / 60)};
}

TimeZone::Instants TimeZone::instantsOf(LocalMinute local) const {
    const std::int64_t seconds = local.day * kDaySeconds + std::int64_t{local.minute} * 60;
    const date::local_info info = _zone->get_info(localSeconds(seconds));
    if (info.result == date::local_info::nonexistent)
        return {{info.first.end.time_since_epoch().count() * kMicros}, true};
    Instants instants{{(seconds - info.first.offset.count()) * kMicros}, false};
    if (info.result == date::local_info::ambiguous)
        instants.at.push_back((seconds - info.second.offset.count()) * kMicros);
    return instants;
}

std::optional<Micros> TimeZone::offsetAllDay(DayNumber day) const {
    const std::int64_t begin = day * kDaySeconds, end = begin + kDaySeconds;
    const date::local_info info = _zone->get_info(localSeconds(begin));
    if (info.result != date::local_info::unique) return std::nullopt;
    // An hour or a day more on both sides: where clocks are put back, they show times of before again.
    const std::int64_t offset = info.first.offset.count();
    const auto from = date::sys_seconds(std::chrono::seconds(begin - offset - kDaySeconds));
    const auto to = date::sys_seconds(std::chrono::seconds(end - offset + kDaySeconds));
    if (info.first.begin > from || info.first.end < to) return std::nullopt;
    return offset * kMicros;
}

} // namespace usher
