#pragma once

#include <string>

namespace usher {

/// [secrets] key_file: 32 bytes, raw, as 64 hex digits or as base64. Throws std::runtime_error that says what
/// is wrong with the file, also when others than its owner may read it.
std::string readSecretsKey(const std::string& file);

} // namespace usher
