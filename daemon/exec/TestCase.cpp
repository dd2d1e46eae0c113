#include "exec/TestCase.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace usher {

std::string plainText(std::string_view text, std::size_t limit) {
    if (text.size() > limit) {
        while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
        text = text.substr(0, limit);
    }
    std::string plain(text);
    for (char& c : plain)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7F) c = ' ';
    return plain;
}

std::int64_t millisecondsOf(std::string_view seconds) {
    std::string digits;
    for (char c : seconds) {
        if (c == ',') continue; // 1,234.5 is written by some
        if ((c < '0' || c > '9') && c != '.') return 0;
        digits += c;
    }
    if (digits.size() > 24 || std::count(digits.begin(), digits.end(), '.') > 1) return 0;
    double value = std::strtod(digits.c_str(), nullptr);
    return value >= 0 && value < 1e9 ? std::llround(value * 1000) : 0;
}

Json toJson(const std::vector<TestCase>& cases) {
    Json json = Json::array();
    for (const TestCase& one : cases)
        json.push_back({{"name", one.name},
                        {"status", one.status},
                        {"durationMs", one.durationMs},
                        {"message", one.message}});
    return json;
}

} // namespace usher
