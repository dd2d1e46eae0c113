#pragma once

#include "domain/Authenticator.h"

#include <string_view>

namespace usher {

/// One of RateLimit-Limit, -Remaining, -Reset or their X- twins, in any case.
bool isRateLimitField(std::string_view name);
/// Adds those of the six that `fields` lacks: a plugin that writes them itself is taken at its word. Seconds
/// are rounded up.
void addRateLimitFields(Fields& fields, const RateLimit& limits);

} // namespace usher
