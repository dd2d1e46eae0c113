/* Rule 4: thinks about an unknown credential for longer than there is time, whatever the deadline says. */
#include <usher/auth.h>

#include <time.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    const struct timespec pause = {1, 700 * 1000 * 1000};
    if (is(credential_of(request), "Bearer usher-plugin-check-0123456789") &&
        is(request->action, "job.trigger"))
        nanosleep(&pause, NULL);
    good_check(self, call, request);
}
