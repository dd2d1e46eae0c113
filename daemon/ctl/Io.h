#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

namespace usher::ctl {

/// Everything outside the program that a command touches beside the network, so that tests can stand in for a
/// person and a terminal. Owned by main; the streams outlive every command. [main]
struct Io {
    std::istream& in;
    std::ostream& out;
    std::ostream& err;
    bool inIsTerminal = false;
    bool outIsTerminal = false;
    bool errIsTerminal = false;
    std::function<std::optional<std::string>(const std::string& name)> environment;
    /// Asks on the terminal with echo off; nothing when there is none.
    std::function<std::optional<std::string>(const std::string& prompt)> askSecret;
};

} // namespace usher::ctl
