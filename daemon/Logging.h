#pragma once

#include <string>

namespace usher {

/// All of Poco's loggers write to stderr, one line each with time and level. `level` as in `[log] level`.
/// [main]
void setUpLogging(const std::string& level);

} // namespace usher
