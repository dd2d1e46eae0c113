#include "Arguments.h"

#include "base/Text.h"

#include <iostream>

namespace usher {

const char* const kUsage = R"(usherd: runs jobs for whoever a plugin lets in.

  usherd --config FILE          run in the foreground, log to stderr
  usherd --config FILE --check-config
                                name every mistake in the configuration, start nothing
  usherd --config FILE migrate  show and apply the database's pending migrations, then end
  usherd --config FILE setup-token
                                while there are no users: make a new one-time token for the first
                                admin, for the old one is lost
  usherd --version | --help

Without --config: /etc/usher/usherd.conf. --launcher PATH stands for [exec] launcher (the service
unit names the socket of usher-launcher.service with it). SIGTERM ends it (runs go on by themselves and are
found again), SIGHUP reads the TLS certificate and the plugins' configuration again.
)";

std::optional<Arguments> parseArguments(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        std::string word = argv[i];
        if (word == "--config" && i + 1 < argc)
            arguments.config = argv[++i];
        else if (word.starts_with("--config="))
            arguments.config = word.substr(9);
        else if (word == "--launcher" && i + 1 < argc)
            arguments.launcher = argv[++i];
        else if (word == "--check-config" || word == "check-config")
            arguments.command = "check-config";
        else if (word == "migrate" || word == "setup-token" || word == "--version" || word == "--help")
            arguments.command = word;
        else {
            std::cerr << "usherd: unknown argument " << oneLine(word, 80) << "; see usherd --help\n";
            return std::nullopt;
        }
    }
    return arguments;
}

} // namespace usher
