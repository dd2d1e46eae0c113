#pragma once

#include "ctl/Commands.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

namespace usher::ctl {

/// One person at one keyboard: runs command lines, keeps what they printed. Has a home folder of its own,
/// which goes away with it.
class CommandLine {
public:
    CommandLine() {
        char name[] = "/tmp/usherctl-test.XXXXXX";
        home = ::mkdtemp(name);
        environment["HOME"] = home;
    }
    ~CommandLine() {
        std::error_code ignored;
        std::filesystem::remove_all(home, ignored);
    }

    int run(std::vector<std::string> words) {
        std::istringstream in(input);
        std::ostringstream outStream, errStream;
        Io io{in,
              outStream,
              errStream,
              false,
              terminal,
              terminal,
              [this](const std::string& name) -> std::optional<std::string> {
                  auto found = environment.find(name);
                  return found == environment.end() ? std::nullopt
                                                    : std::optional<std::string>(found->second);
              },
              [](const std::string&) { return std::nullopt; }};
        int code = runCommandLine(words, io);
        out = outStream.str();
        err = errStream.str();
        return code;
    }
    bool said(const std::string& text) const { return (out + err).find(text) != std::string::npos; }

    std::string home;
    std::map<std::string, std::string> environment;
    std::string input;
    bool terminal = false;
    std::string out;
    std::string err;
};

} // namespace usher::ctl
