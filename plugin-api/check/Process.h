#pragma once

#include <map>
#include <set>
#include <string>

namespace usher::check {

/// What a plugin must leave as it was, seen from the outside: /proc/self.
struct ProcessState {
    std::set<int> threads;
    std::map<int, std::string> descriptors; ///< number -> what it is
    std::set<int> inheritable;              ///< descriptors without close-on-exec
    std::string signals;                    ///< ignored and caught, as /proc shows them, and the mask
    std::string folder;                     ///< working directory and umask
    std::set<int> children;

    static ProcessState now();
};

/// Does the thread block every signal that can be blocked? True also when it has ended meanwhile.
bool blocksSignals(int thread);

} // namespace usher::check
