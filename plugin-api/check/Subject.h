#pragma once

#include "Case.h"

#include <usher/auth.h>

#include <string>

namespace usher::check {

/// What the ELF note says. Read by pread, before any code of the file runs.
struct Note {
    std::uint32_t major = 0, minorBuilt = 0, minorRequired = 0;
    std::string id, version;
};
/// Throws Broken (rule 8).
Note readNote(const std::string& file);

/// dlopen as usherd does it, and the entry. Throws Broken. What is loaded stays loaded until the process
/// ends.
void* load(const std::string& file);
const usher_auth_entry& entryOf(void* handle);

/// The table of an entry, zero-filled where the plugin's is shorter.
usher_auth_ops opsOf(const usher_auth_entry& entry);

/// Both at once.
usher_auth_ops opsOf(const std::string& file);

} // namespace usher::check
