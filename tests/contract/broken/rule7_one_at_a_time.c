/* Rule 7: declares USHER_PARALLEL, and loses the first call that comes while another is inside. */
#include <usher/auth.h>

#include <stdatomic.h>
#include <time.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static atomic_flag inside = ATOMIC_FLAG_INIT, lost = ATOMIC_FLAG_INIT;

static void check(void* self, usher_call call, const usher_request* request) {
    const struct timespec pause = {0, 100 * 1000};
    while (atomic_flag_test_and_set(&inside))
        if (!atomic_flag_test_and_set(&lost)) return;
    nanosleep(&pause, NULL);
    good_check(self, call, request);
    atomic_flag_clear(&inside);
}
