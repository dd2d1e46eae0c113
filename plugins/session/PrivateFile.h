#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace usher::session {

/// Writes `content` to a new file at `path`, mode 0600, on disk before it returns; what stood there is
/// replaced by nothing less than the whole new file. Throws std::system_error.
void writePrivateFile(const std::string& path, std::string_view content);
/// At most 4 KiB, without white space at the ends; nothing when there is no such file. Throws
/// std::runtime_error when others may read or write it, or it is no plain file of ours.
std::optional<std::string> readPrivateFile(const std::string& path);

} // namespace usher::session
