#pragma once

#include "base/Clock.h"

#include <optional>
#include <string>
#include <string_view>

namespace usher {

/// A new UUID version 7 (RFC 9562 section 5.7), lower case: its first 48 bits are the time, so that new rows
/// land at the end of an index. The other 74 bits are random, from the kernel. [any-thread]
std::string createUuid();
/// The lower-case form of any 8-4-4-4-12 UUID; nothing for anything else.
std::optional<std::string> parseUuid(std::string_view text);
/// When createUuid() made it, to the millisecond; nothing for other versions.
std::optional<Micros> timeOfUuid(std::string_view uuid);

} // namespace usher
