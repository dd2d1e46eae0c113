#pragma once

#include "exec/TestCase.h"

#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// Reads a report that a test wrote, so every byte may be hostile: a DOCTYPE (and with it every entity) is
/// refused, also any document but <testsuites> or <testsuite>, a case without a name or inside another;
/// depth, number of cases and lengths are bounded. Appends to `cases`; false with the reason in `problem`,
/// and then what was read up to there stays.
bool readJUnit(std::string_view xml, std::vector<TestCase>& cases, std::string& problem);

} // namespace usher
