#include "app/CronExpression.h"

#include "base/Text.h"

#include <algorithm>
#include <array>
#include <span>

namespace usher {

namespace {

constexpr Micros kMinute = 60'000'000;
constexpr int kMinutesOfDay = 1440;
/// 29 February comes after eight years at the latest (2096, 2104).
constexpr DayNumber kDaysToLook = 366 * 9;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kDays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Field {
    std::string_view name;
    int min, max;
    std::span<const std::string_view> names; ///< of min, min + 1, …
};

const std::array<Field, 5> kFields{{{"minute", 0, 59, {}},
                                    {"hour", 0, 23, {}},
                                    {"day of month", 1, 31, {}},
                                    {"month", 1, 12, kMonths},
                                    {"day of week", 0, 7, kDays}}};

/// One or two digits, or a name.
std::optional<int> readValue(std::string_view text, const Field& field) {
    for (std::size_t i = 0; i < field.names.size(); ++i)
        if (equalsIgnoreCase(text, field.names[i])) return field.min + static_cast<int>(i);
    if (text.empty() || text.size() > 2) return std::nullopt;
    int value = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    if (value < field.min || value > field.max) return std::nullopt;
    return value;
}

/// `*`, `5`, `1-5`, `*/10`, `1-30/2`.
bool addItem(std::string_view item, const Field& field, std::bitset<64>& bits) {
    int step = 1;
    const std::size_t slash = item.find('/');
    if (slash != std::string_view::npos) {
        const auto number = readValue(item.substr(slash + 1), {field.name, 1, 99, {}});
        if (!number || *number > field.max) return false;
        step = *number;
        item = item.substr(0, slash);
    }
    int from = field.min, to = field.max;
    if (item != "*") {
        const std::size_t dash = item.find('-');
        if (dash == std::string_view::npos && slash != std::string_view::npos) return false;
        const auto first = readValue(item.substr(0, dash), field);
        const auto last = dash == std::string_view::npos ? first : readValue(item.substr(dash + 1), field);
        if (!first || !last || *last < *first) return false;
        from = *first;
        to = *last;
    }
    for (int value = from; value <= to; value += step) bits.set(static_cast<std::size_t>(value));
    return true;
}

template <std::size_t N>
std::bitset<N> lower(const std::bitset<64>& bits) {
    std::bitset<N> out;
    for (std::size_t i = 0; i < N; ++i) out[i] = bits[i];
    return out;
}

struct Date {
    int month, day;
};

/// The proleptic Gregorian calendar (the well-known algorithm: years begin in March).
Date dateOf(DayNumber number) {
    const std::int64_t z = number + 719'468;
    const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
    const auto ofEra = static_cast<unsigned>(z - era * 146'097);
    const unsigned year = (ofEra - ofEra / 1460 + ofEra / 36'524 - ofEra / 146'096) / 365;
    const unsigned ofYear = ofEra - (365 * year + year / 4 - year / 100);
    const unsigned month = (5 * ofYear + 2) / 153;
    return {static_cast<int>(month < 10 ? month + 3 : month - 9),
            static_cast<int>(ofYear - (153 * month + 2) / 5 + 1)};
}

} // namespace

std::variant<CronExpression, std::string> CronExpression::parse(std::string_view text) {
    std::vector<std::string> words = split(text, ' ');
    std::erase(words, "");
    if (words.size() != kFields.size())
        return std::string("must have five fields: minute, hour, day of month, month, day of week");
    std::array<std::bitset<64>, 5> bits;
    for (std::size_t i = 0; i < kFields.size(); ++i)
        for (const std::string& item : split(words[i], ','))
            if (!addItem(item, kFields[i], bits[i]))
                return std::string(kFields[i].name) + ": cannot read \"" + oneLine(words[i], 40) + "\"";
    CronExpression cron;
    cron._minutes = lower<60>(bits[0]);
    cron._hours = lower<24>(bits[1]);
    cron._daysOfMonth = lower<32>(bits[2]);
    cron._months = lower<13>(bits[3]);
    cron._daysOfWeek = lower<7>(bits[4]);
    if (bits[4][7]) cron._daysOfWeek.set(0);
    cron._anyDayOfMonth = words[2].front() == '*';
    cron._anyDayOfWeek = words[4].front() == '*';
    return cron;
}

bool CronExpression::matches(DayNumber day) const {
    const Date date = dateOf(day);
    if (!_months[static_cast<std::size_t>(date.month)]) return false;
    const bool ofMonth = _daysOfMonth[static_cast<std::size_t>(date.day)];
    // 1970-01-01 was a Thursday.
    const bool ofWeek = _daysOfWeek[static_cast<std::size_t>(((day + 4) % 7 + 7) % 7)];
    return _anyDayOfMonth || _anyDayOfWeek ? ofMonth && ofWeek : ofMonth || ofWeek;
}

std::vector<Micros> CronExpression::ticksOf(DayNumber day, const TimeZone& zone) const {
    std::vector<Micros> ticks;
    const std::optional<Micros> offset = zone.offsetAllDay(day);
    for (int minute = 0; minute < kMinutesOfDay; ++minute) {
        if (!_hours[static_cast<std::size_t>(minute / 60)]) {
            minute += 59;
            continue;
        }
        if (!_minutes[static_cast<std::size_t>(minute % 60)]) continue;
        if (offset) {
            ticks.push_back((day * kMinutesOfDay + minute) * kMinute - *offset);
            continue;
        }
        const TimeZone::Instants instants = zone.instantsOf({day, minute});
        ticks.push_back(instants.at.front());
        if (instants.at.size() > 1 && _hours.all()) ticks.push_back(instants.at.back());
    }
    std::sort(ticks.begin(), ticks.end());
    ticks.erase(std::unique(ticks.begin(), ticks.end()), ticks.end());
    return ticks;
}

// A day more on both sides: a skipped day's ticks come on the next one.
std::optional<Micros> CronExpression::next(Micros time, const TimeZone& zone) const {
    const DayNumber today = zone.localOf(time).day;
    std::optional<Micros> found;
    for (DayNumber day = today - 1; day < today + kDaysToLook; ++day) {
        if (!matches(day)) continue;
        for (Micros tick : ticksOf(day, zone))
            if (tick > time && (!found || tick < *found)) found = tick;
        if (found && day > today) return found;
        if (found && zone.offsetAllDay(day)) return found;
    }
    return found;
}

std::optional<Micros> CronExpression::last(Micros time, const TimeZone& zone) const {
    const DayNumber today = zone.localOf(time).day;
    std::optional<Micros> found;
    for (DayNumber day = today + 1; day > today - kDaysToLook; --day) {
        if (!matches(day)) continue;
        for (Micros tick : ticksOf(day, zone))
            if (tick <= time && (!found || tick > *found)) found = tick;
        if (found && day < today) return found;
        if (found && zone.offsetAllDay(day)) return found;
    }
    return found;
}

} // namespace usher
