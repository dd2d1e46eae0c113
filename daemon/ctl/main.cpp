// usherctl: talks to usherd over its HTTP port, like any other client.
#include "ctl/Commands.h"

#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace {

std::optional<std::string> environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// The terminal itself, not standard input and output: those may be redirected while a person sits here.
std::optional<std::string> askSecret(const std::string& prompt) {
    std::FILE* terminal = std::fopen("/dev/tty", "r+e");
    if (terminal == nullptr) return std::nullopt;
    termios before{};
    int fd = ::fileno(terminal);
    if (::tcgetattr(fd, &before) != 0) {
        std::fclose(terminal);
        return std::nullopt;
    }
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    // Ctrl-C while echo is off would leave the terminal mute.
    sigset_t interrupts, old;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGTSTP);
    sigprocmask(SIG_BLOCK, &interrupts, &old);
    quiet.c_lflag &= ~static_cast<tcflag_t>(ISIG);
    ::tcsetattr(fd, TCSAFLUSH, &quiet);
    std::fputs(prompt.c_str(), terminal);
    std::fflush(terminal);
    std::string line;
    bool interrupted = false;
    for (int c; (c = std::fgetc(terminal)) != EOF && c != '\n';) {
        if (c == 3) { // Ctrl-C, which is a plain byte without ISIG
            interrupted = true;
            break;
        }
        line += static_cast<char>(c);
    }
    ::tcsetattr(fd, TCSAFLUSH, &before);
    sigprocmask(SIG_SETMASK, &old, nullptr);
    std::fputs("\n", terminal);
    std::fclose(terminal);
    if (interrupted) std::exit(130);
    return line;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    usher::ctl::Io io{std::cin,
                      std::cout,
                      std::cerr,
                      ::isatty(STDIN_FILENO) == 1,
                      ::isatty(STDOUT_FILENO) == 1,
                      ::isatty(STDERR_FILENO) == 1,
                      environment,
                      askSecret};
    return usher::ctl::runCommandLine(std::vector<std::string>(argv + 1, argv + argc), io);
}
