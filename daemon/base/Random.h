#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace usher {

/// Bytes from the kernel's generator; throws std::system_error when there are none. [any-thread]
std::string randomBytes(std::size_t count);
/// `count` characters, each equally likely, of `alphabet` (at most 256 characters). [any-thread]
std::string randomText(std::size_t count, std::string_view alphabet);

} // namespace usher
