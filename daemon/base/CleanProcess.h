#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace usher {

/// A program of ours to start with nothing of the caller's but what is named here: an empty environment, a
/// session of its own, no signal blocked or ignored, /dev/null as standard input and output.
struct CleanProcess {
    std::string program;                ///< its path
    std::vector<std::string> arguments; ///< with the name it calls itself by, argv[0]
    std::vector<int>
        descriptors; ///< become 3, 4 and so on; -1: that number stays closed. No other goes along.
    bool sharesStandardError = false; ///< else /dev/null too

    /// Its process id; -1 with errno. The descriptors stay the caller's. Any thread.
    pid_t start() const;
    /// The same in a child that was forked for it, which becomes the program, or ends with 127. One thread.
    [[noreturn]] void become() const;
};

} // namespace usher
