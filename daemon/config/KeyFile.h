#pragma once

#include "config/Config.h"

#include <string>

namespace usher {

/// [secrets] key_file: 32 bytes, raw, as 64 hex digits or as base64. Throws std::runtime_error that says what
/// is wrong with the file, also when others than its owner may read it (root's: than root and the file's
/// group).
std::string readSecretsKey(const std::string& file);

/// [database] password_file, without the space around it; empty when there is none.
std::string readDatabasePassword(const Config& config);

} // namespace usher
