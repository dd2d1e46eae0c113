#pragma once

#include "exec/Credentials.h"

#include <cstdint>
#include <optional>
#include <string>

namespace usher {

/// Relative, well-formed UTF-8 without control characters, no empty, "." or ".." part, at most 1,024 bytes.
bool isArtifactPath(const std::string& path);

/// The reading side of a Harvest: becomes the test's user, then sends to `pipe` lines of JSON:
/// {"file": path, "bytes": n} with n bytes behind it; {"note": text}; {"cases": […]}; {"end": true}.
[[noreturn]] void runHarvestChild(int box, int position, std::optional<TestUser> user, int pipe,
                                  std::int64_t bytesLeft, int filesLeft);

} // namespace usher
