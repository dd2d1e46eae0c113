/* Rule 7: starts a process. */
#include <usher/auth.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static usher_status start(void* self);
static void stop(void* self);
#define START start
#define STOP stop
#include "broken.h"

static pid_t child = -1;
static usher_status start(void* self) {
    (void)self;
    if (child > 0) return USHER_OK;
    child = fork();
    if (child == 0)
        for (;;) pause();
    return USHER_OK;
}
static void stop(void* self) {
    (void)self;
    if (child <= 0) return;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = -1;
}
