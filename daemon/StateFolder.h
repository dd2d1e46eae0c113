#pragma once

#include "base/UniqueFd.h"

#include <string>

namespace usher {

/// The daemon's own folder: locked while it runs, so that two daemons never work on one. Throws
/// std::runtime_error with what to do. [main]
class StateFolder {
public:
    /// Makes the folder (0711: the tests' users pass through to their own run) when it is missing.
    static void create(const std::string& path);
    /// Takes the lock.
    explicit StateFolder(std::string path);

    const std::string& path() const { return _path; }
    /// This node's id: made once, kept for ever.
    std::string nodeId() const;

private:
    std::string _path;
    UniqueFd _lock;
};

/// What this machine calls itself; "unknown" when it cannot say.
std::string hostName();

} // namespace usher
