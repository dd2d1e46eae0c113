#include "common/Text.h"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace usher::plugin {

namespace {

int hexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct Lead {
    std::size_t length;
    unsigned char low, high; ///< bounds of the second byte (table 3-7 of the Unicode standard)
};

std::optional<Lead> lead(unsigned char c) {
    if (c < 0x80) return Lead{1, 0, 0};
    if (c >= 0xC2 && c <= 0xDF) return Lead{2, 0x80, 0xBF};
    if (c == 0xE0) return Lead{3, 0xA0, 0xBF};
    if (c == 0xED) return Lead{3, 0x80, 0x9F};
    if (c >= 0xE1 && c <= 0xEF) return Lead{3, 0x80, 0xBF};
    if (c == 0xF0) return Lead{4, 0x90, 0xBF};
    if (c >= 0xF1 && c <= 0xF3) return Lead{4, 0x80, 0xBF};
    if (c == 0xF4) return Lead{4, 0x80, 0x8F};
    return std::nullopt;
}

/// `count` digits at `at`, which moves past them.
std::optional<int> digits(std::string_view text, std::size_t& at, std::size_t count) {
    if (at + count > text.size()) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i, ++at) {
        if (text[at] < '0' || text[at] > '9') return std::nullopt;
        value = value * 10 + (text[at] - '0');
    }
    return value;
}

bool skip(std::string_view text, std::size_t& at, char expected) {
    if (at >= text.size() || text[at] != expected) return false;
    ++at;
    return true;
}

} // namespace

std::optional<std::int64_t> parseInteger(std::string_view text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stopped != end) return std::nullopt;
    return value;
}

bool isUtf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = lead(static_cast<unsigned char>(text[i]));
        if (!first || i + first->length > text.size()) return false;
        for (std::size_t j = 1; j < first->length; ++j) {
            const auto c = static_cast<unsigned char>(text[i + j]);
            if (j == 1 ? c < first->low || c > first->high : (c & 0xC0) != 0x80) return false;
        }
        i += first->length;
    }
    return true;
}

std::size_t codePoints(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return count;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view space = " \t\r\n\v\f";
    const std::size_t first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string toLower(std::string_view ascii) {
    std::string out(ascii);
    for (char& c : out) c = lower(c);
    return out;
}

bool equalsIgnoreCase(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

std::optional<std::string> percentDecode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hexDigit(text[i + 1]), low = hexDigit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string percentEncode(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += hex[byte >> 4];
        out += hex[byte & 15];
    }
    return out;
}

std::int64_t nowMicros() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string formatTime(std::int64_t micros) {
    using namespace std::chrono;
    const auto time = sys_time<microseconds>(microseconds(micros));
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<milliseconds>(time - day));
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return text;
}

std::optional<std::int64_t> parseTime(std::string_view text) {
    using namespace std::chrono;
    std::size_t at = 0;
    const auto y = digits(text, at, 4);
    if (!y || !skip(text, at, '-')) return std::nullopt;
    const auto mo = digits(text, at, 2);
    if (!mo || !skip(text, at, '-')) return std::nullopt;
    const auto d = digits(text, at, 2);
    if (!d || !skip(text, at, 'T')) return std::nullopt;
    const auto h = digits(text, at, 2);
    if (!h || !skip(text, at, ':')) return std::nullopt;
    const auto mi = digits(text, at, 2);
    if (!mi || !skip(text, at, ':')) return std::nullopt;
    const auto s = digits(text, at, 2);
    if (!s) return std::nullopt;
    std::int64_t fraction = 0;
    if (skip(text, at, '.')) {
        std::int64_t unit = 100'000;
        const std::size_t from = at;
        for (; at < text.size() && at < from + 6; ++at, unit /= 10) {
            if (text[at] < '0' || text[at] > '9') break;
            fraction += (text[at] - '0') * unit;
        }
        if (at == from) return std::nullopt;
    }
    if (!skip(text, at, 'Z') || at != text.size()) return std::nullopt;
    const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d))};
    if (!date.ok() || *h > 23 || *mi > 59 || *s > 59) return std::nullopt;
    const auto time = sys_days(date) + hours(*h) + minutes(*mi) + seconds(*s);
    return duration_cast<microseconds>(time.time_since_epoch()).count() + fraction;
}

std::optional<std::string> parseUuid(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    std::string out = toLower(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? out[i] != '-' : hexDigit(out[i]) < 0) return std::nullopt;
    }
    return out;
}

} // namespace usher::plugin
