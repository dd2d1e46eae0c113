#include "ctl/Amounts.h"

#include "base/Text.h"

#include <cstdio>
#include <limits>

namespace usher::ctl {

namespace {

std::int64_t secondsIn(char unit) {
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86'400;
    case 'w':
        return 7 * 86'400;
    default:
        return 0;
    }
}

} // namespace

std::optional<std::int64_t> parseDuration(std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::int64_t unit = secondsIn(text.back());
    if (unit == 0)
        unit = 1;
    else
        text.remove_suffix(1);
    std::optional<std::int64_t> number = parseInteger(text);
    if (!number || *number < 0 || *number > std::numeric_limits<std::int64_t>::max() / unit)
        return std::nullopt;
    return *number * unit;
}

std::optional<Rate> parseRate(std::string_view text) {
    std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    std::optional<std::int64_t> max = parseInteger(text.substr(0, slash));
    std::string window(text.substr(slash + 1));
    if (window.size() == 1 && secondsIn(window[0]) > 0) window = "1" + window;
    std::optional<std::int64_t> seconds = parseDuration(window);
    if (!max || *max < 1 || !seconds || *seconds < 1) return std::nullopt;
    return Rate{*max, *seconds};
}

std::string showDuration(std::int64_t milliseconds) {
    if (milliseconds < 0) milliseconds = 0;
    char text[48];
    long long seconds = milliseconds / 1000;
    if (milliseconds < 60'000)
        std::snprintf(text, sizeof text, "%.*f s", milliseconds < 10'000 ? 2 : 1,
                      static_cast<double>(milliseconds) / 1000);
    else if (seconds < 3600)
        std::snprintf(text, sizeof text, "%lld m %02lld s", seconds / 60, seconds % 60);
    else
        std::snprintf(text, sizeof text, "%lld h %02lld m", seconds / 3600, seconds / 60 % 60);
    return text;
}

} // namespace usher::ctl
