#pragma once

#include <optional>
#include <string>

namespace usher {

extern const char* const kUsage;

/// What usherd was told on its command line.
struct Arguments {
    std::string config = "/etc/usher/usherd.conf";
    std::string launcher;        ///< in place of [exec] launcher
    std::string command = "run"; ///< run, check-config, migrate, setup-token, --version, --help
};

/// Nothing when a word is not known; stderr says which. [main]
std::optional<Arguments> parseArguments(int argc, char** argv);

} // namespace usher
