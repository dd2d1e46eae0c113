#pragma once

#include "base/UniqueFd.h"

#include <sys/stat.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace usher {

/// A plugin is not loaded, not created or not started. The message is for the operator: which file, what is
/// wrong with it, and what to do.
class PluginRefused : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Which file, and which state of it: tells whether the disk still holds what was loaded.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modifiedNs = 0;
    bool operator==(const FileIdentity&) const = default;
};

struct TrustedFile {
    UniqueFd fd; ///< read-only, close-on-exec
    FileIdentity identity;
};

/// Opens a file that only root or this process's user can have put there. Walks down from / by descriptors
/// and follows no symbolic link; each folder and the file must belong to root or to us and be writable by
/// nobody else (a sticky folder such as /tmp is let through: what is in it cannot be replaced by others, and
/// its owner is checked next). All checks are on open descriptors: what is swapped afterwards is not what the
/// caller holds. Throws PluginRefused. [any-thread]
TrustedFile openTrusted(const std::string& path);

/// The identity of what stands at `path` now; all zero when there is nothing.
FileIdentity identityAt(const std::string& path);

} // namespace usher
