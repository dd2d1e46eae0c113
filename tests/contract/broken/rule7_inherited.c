/* Rule 7: opens a file that every program the daemon starts would inherit. */
#include <usher/auth.h>

#include <fcntl.h>
#include <unistd.h>
static usher_status start(void* self);
static void stop(void* self);
#define START start
#define STOP stop
#include "broken.h"

static int opened = -1;
static usher_status start(void* self) {
    (void)self;
    if (opened < 0) opened = open("/dev/null", O_RDONLY);
    return USHER_OK;
}
static void stop(void* self) {
    (void)self;
    close(opened);
    opened = -1;
}
