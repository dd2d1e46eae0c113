#include "base/Clock.h"

#include <cstdio>
#include <ctime>

namespace usher {

BootMillis Clock::bootTime() const {
    timespec ts{};
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return BootMillis{ts.tv_sec} * 1000 + ts.tv_nsec / 1'000'000;
}

Micros SystemClock::now() const {
    timespec ts{};
    clock_gettime(CLOCK_REALTIME, &ts);
    return Micros{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1000;
}

std::string formatTime(Micros time) {
    Micros seconds = time / 1'000'000, rest = time % 1'000'000;
    if (rest < 0) {
        rest += 1'000'000;
        --seconds;
    }
    std::time_t t = seconds;
    std::tm tm{};
    gmtime_r(&t, &tm);
    char text[96];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, static_cast<int>(rest / 1000));
    return text;
}

std::optional<Micros> parseTime(std::string_view text) {
    auto digits = [&](std::size_t at, std::size_t count) -> int {
        int value = 0;
        for (std::size_t i = at; i < at + count; ++i) {
            if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
            value = value * 10 + (text[i] - '0');
        }
        return value;
    };
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
        text[13] != ':' || text[16] != ':')
        return std::nullopt;
    std::tm tm{};
    int year = digits(0, 4);
    tm.tm_mon = digits(5, 2) - 1;
    tm.tm_mday = digits(8, 2);
    tm.tm_hour = digits(11, 2);
    tm.tm_min = digits(14, 2);
    tm.tm_sec = digits(17, 2);
    if (year < 1970 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 60)
        return std::nullopt;
    std::size_t at = 19;
    Micros fraction = 0;
    if (text[at] == '.') {
        Micros unit = 100'000;
        std::size_t first = ++at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            fraction += unit * (text[at++] - '0');
            unit /= 10;
        }
        if (at == first || at - first > 6) return std::nullopt;
    }
    if (at + 1 != text.size() || (text[at] != 'Z' && text[at] != 'z')) return std::nullopt;
    tm.tm_year = year - 1900;
    int day = tm.tm_mday;
    std::time_t seconds = timegm(&tm);
    if (tm.tm_mday != day) return std::nullopt; // 31 February
    return Micros{seconds} * 1'000'000 + fraction;
}

} // namespace usher
