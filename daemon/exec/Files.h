#pragma once

#include "base/UniqueFd.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace usher {

/// Opens `path` below `folder`: no link on the way or at the end is followed, nothing above is reachable
/// (openat2 with RESOLVE_BENEATH). Close-on-exec. On failure the descriptor is empty and errno says why.
UniqueFd openBeneath(int folder, const std::string& path, int flags, mode_t mode = 0);
/// The same without openat2, name by name, where that answers ENOSYS: systemd's RestrictSUIDSGID= does so,
/// because a filter cannot look into its argument.
UniqueFd openStepwise(int folder, const std::string& path, int flags, mode_t mode = 0);
/// A whole regular file below `folder`; nothing when it is not there, not a regular file, or larger than
/// `limit`.
std::optional<std::string> readBeneath(int folder, const std::string& path, std::size_t limit = 64u << 20);
/// False, with errno, when not all of it could be written.
bool writeAll(int fd, std::string_view bytes);
/// Readers see the old file or the whole new one: written beside, renamed. With `durable` the file and its
/// folder are synced before this returns. False with errno.
bool replaceFile(int folder, const std::string& name, std::string_view text, mode_t mode, bool durable);
/// A file that its one writer writes once, or again when that failed: synced before this returns, and by that
/// its name too (ext4, XFS and Btrfs say so of a new file's fsync). Ends with a newline, or it is not whole:
/// readWritten(). False with errno.
bool writeOnce(int folder, const std::string& name, std::string_view line);
/// What writeOnce() wrote, without the newline; nothing when it is missing or not whole.
std::optional<std::string> readWritten(int folder, const std::string& name, std::size_t limit = 256u << 20);
/// mkdir with exactly this mode, whatever the umask is. True also when a folder of that name is there
/// already.
bool makeFolder(int parent, const std::string& name, mode_t mode);
/// Removes a tree below `parent`, never following a link; as much as permissions allow. Bounded: gives up
/// after `seconds`. True when nothing is left.
bool removeTree(int parent, const std::string& name, int seconds = 30);

/// The file belongs to `group` then, if there is one, and has this mode. The owner may give a file to a group
/// it is in; changing the owner would need one more capability. `name`: as the problem names it.
bool giveToGroup(int fd, std::optional<gid_t> group, mode_t mode, const std::string& name,
                 std::string& problem);

} // namespace usher
