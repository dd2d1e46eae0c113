#pragma once

#include "base/Json.h"

#include <string>

namespace usher::ctl {

enum class Cases { failing, all };

/// A run as the server tells of it, for people: the table of its tests, of their cases those that did not
/// pass (or all) with what they said, and last the verdict. Safe to show on a terminal.
std::string describeRun(const Json& run, Cases cases = Cases::failing);
/// Its kept files, or "" for none.
std::string describeArtifacts(const Json& artifacts);

} // namespace usher::ctl
