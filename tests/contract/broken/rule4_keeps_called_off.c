/* Rule 4: what it has little time for it puts off until stop(), as if nobody waited for the end of it. */
#include <usher/auth.h>

#include <pthread.h>
#include <time.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
static void check(void* self, usher_call call, const usher_request* request);
static void stop(void* self);
#define CREATE create
#define CHECK check
#define STOP stop
#include "broken.h"

enum { MOST = 1024 };
typedef struct {
    broken base;
    pthread_mutex_t mutex;
    size_t count;
    usher_call off[MOST];
} slow;

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    slow* me = calloc(1, sizeof *me);
    (void)config, (void)count;
    if (!me) return USHER_NO_MEMORY;
    me->base.host = host;
    pthread_mutex_init(&me->mutex, NULL);
    *self = me;
    return USHER_OK;
}
static void check(void* self, usher_call call, const usher_request* request) {
    slow* me = self;
    struct timespec now;
    int keep;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&me->mutex);
    keep = request->deadline_ns < (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 10000000 &&
           me->count < MOST;
    if (keep) me->off[me->count++] = call;
    pthread_mutex_unlock(&me->mutex);
    if (!keep) good_check(self, call, request);
}
static void stop(void* self) {
    slow* me = self;
    usher_verdict verdict;
    usher_str nothing = {NULL, 0};
    judge(nothing, &verdict);
    while (me->count > 0) me->base.host->complete(me->base.host, me->off[--me->count], &verdict);
}
