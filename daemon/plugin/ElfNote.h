#pragma once

#include <cstdint>
#include <string>

namespace usher {

/// What a plugin says of itself before any of its code has run.
struct PluginNote {
    std::uint32_t major = 0, minorBuilt = 0, minorRequired = 0;
    std::string id, version;
};

/// Reads the note `usher` (section .note.usher.auth) of the open file. Bounded and by pread only: a hostile
/// or half-written file cannot make it crash or take long. Also refuses what would make the dynamic linker
/// crash: headers and segments that reach past the end of the file. `path` is for the message. Throws
/// PluginRefused. [any-thread]
PluginNote readPluginNote(int fd, const std::string& path);

} // namespace usher
