#pragma once

#include <string>

namespace usher {

/// A short second name for a folder: `<runsDir>/t<12 hex digits>`, a symbolic link that goes with this
/// object. A Unix socket's name has at most 107 bytes, and programs (Chromium, gpg-agent, ssh-agent) put
/// sockets below TMPDIR; a run's own folder lies too deep for that. Not in /tmp: there the kernel follows
/// nobody else's links.
class ShortName {
public:
    /// Without it, when it cannot be made, path() is the folder's own.
    ShortName(const std::string& runsDir, std::string folder);
    ~ShortName();
    ShortName(const ShortName&) = delete;

    const std::string& path() const { return _link.empty() ? _folder : _link; }

    /// Removes the links whose folder is gone: of leaders that were killed.
    static void sweep(const std::string& runsDir);

private:
    const std::string _folder;
    std::string _link;
};

} // namespace usher
