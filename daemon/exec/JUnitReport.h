#pragma once

#include "base/Json.h"

#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// One <testcase> of a JUnit XML report.
struct TestCase {
    std::string name;
    std::string status = "passed"; ///< passed, failed, error, skipped
    std::int64_t durationMs = 0;
    std::string message; ///< of a failure, an error or a skip; at most 2,000 bytes
};

/// Reads a report that a test wrote, so every byte may be hostile: a DOCTYPE (and with it every entity) is
/// refused, depth, number of cases (10,000) and lengths are bounded. Appends to `cases`; false with the
/// reason in `problem`, and then what was read up to there stays.
bool readJUnit(std::string_view xml, std::vector<TestCase>& cases, std::string& problem);

/// [{"name", "status", "durationMs", "message"}]
Json toJson(const std::vector<TestCase>& cases);

} // namespace usher
