#include "exec/leader/Keeper.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

namespace usher {

void keepTest(pid_t test, int verdict) {
    sigset_t waited;
    sigemptyset(&waited);
    for (int number : {SIGCHLD, SIGTERM}) sigaddset(&waited, number);
    while (true) {
        int status = 0;
        pid_t ended;
        while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0)
            if (ended == test) {
                [[maybe_unused]] ssize_t n = ::write(verdict, &status, sizeof status);
                ::close(verdict);
            }
        if (ended < 0 && errno == ECHILD) ::_exit(0);
        // Children whose signals came before are reaped above; SIGCHLD is blocked, so none is missed in
        // between.
        if (::sigwaitinfo(&waited, nullptr) == SIGTERM) {
            ::kill(-test, SIGTERM); // also when the test itself is gone: the rest of its group
            ::kill(-test, SIGCONT);
        }
    }
}

} // namespace usher
