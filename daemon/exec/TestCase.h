#pragma once

#include "base/Json.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// One case of a test: a <testcase> of a JUnit report, a test point of a TAP stream. Whoever reads one from
/// what a test wrote keeps to these bounds.
struct TestCase {
    static constexpr std::size_t kMaxCases = 10'000; ///< of one report
    static constexpr std::size_t kMaxName = 500;     ///< bytes
    static constexpr std::size_t kMaxMessage = 2'000;
    static constexpr std::size_t kMaxDetails = 8'000;

    std::string name;
    std::string status = "passed"; ///< passed, failed, error, skipped
    std::int64_t durationMs = 0;
    std::string message; ///< of a failure, an error or a skip
    std::string details; ///< what a report says of it beside the message: where, what was expected, the stack
};

/// At most `limit` bytes, never ending inside a character, control characters but tab and line end replaced.
/// Colours of terminals are taken out, also in the ways that reports write them (XML has no escape
/// character).
std::string plainText(std::string_view text, std::size_t limit);
/// A decimal number of seconds, as reports have it ("12", "0.5", "1,234.5"), in milliseconds; 0 for anything
/// else.
std::int64_t millisecondsOf(std::string_view seconds);

/// [{"name", "status", "durationMs", "message", "details"?}]
Json toJson(const std::vector<TestCase>& cases);

} // namespace usher
