/* Rule 7: declares USHER_NONBLOCKING and waits all the same. */
#include <usher/auth.h>

#include <time.h>
#define MODEL (USHER_PARALLEL | USHER_NONBLOCKING)
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    const struct timespec pause = {0, 2 * 1000 * 1000};
    nanosleep(&pause, NULL);
    good_check(self, call, request);
}
