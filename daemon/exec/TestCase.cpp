#include "exec/TestCase.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace usher {

namespace {

/// Of an escape sequence, as it is, as the picture of one (U+241B), or as pytest writes it.
constexpr std::string_view kIntroducers[] = {"\x1b[", "\xe2\x90\x9b[", "#x1B["};

/// The length of the escape sequence (ECMA-48: CSI) at the beginning of `text`; 0: there is none.
std::size_t escapeLength(std::string_view text) {
    for (std::string_view introducer : kIntroducers) {
        if (!text.starts_with(introducer)) continue;
        std::size_t at = introducer.size();
        while (at < text.size() && at < 64 && text[at] >= 0x20 && text[at] <= 0x3f) ++at;
        if (at < text.size() && text[at] >= 0x40 && text[at] <= 0x7e) return at + 1;
    }
    return 0;
}

std::string withoutEscapes(std::string_view text) {
    std::string kept;
    kept.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = escapeLength(text);
        if (length == 0) kept += text.front();
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return kept;
}

/// At most `limit` bytes, whole characters only.
std::string_view beginningOf(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return text;
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
    return text.substr(0, limit);
}

} // namespace

std::string plainText(std::string_view text, std::size_t limit) {
    // Twice the limit: what escape sequences take of it must not cost the text behind them.
    const std::string bare = withoutEscapes(beginningOf(text, 2 * limit));
    std::string plain(beginningOf(bare, limit));
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
    for (const TestCase& one : cases) {
        json.push_back({{"name", one.name},
                        {"status", one.status},
                        {"durationMs", one.durationMs},
                        {"message", one.message}});
        if (!one.details.empty()) json.back()["details"] = one.details;
    }
    return json;
}

} // namespace usher
