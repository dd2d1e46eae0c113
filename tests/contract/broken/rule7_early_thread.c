/* Rule 7: starts its thread in create(), with the daemon's signals unblocked. */
#include <usher/auth.h>

#include <pthread.h>
#include <time.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
static void destroy(void* self);
#define CREATE create
#define DESTROY destroy
#include "broken.h"

typedef struct {
    broken base;
    pthread_t thread;
    volatile int ending;
} threaded;

static void* idle(void* argument) {
    const struct timespec pause = {0, 1000 * 1000};
    while (!((threaded*)argument)->ending) nanosleep(&pause, NULL);
    return NULL;
}
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    threaded* me = calloc(1, sizeof *me);
    (void)config, (void)count;
    me->base.host = host;
    *self = me;
    return pthread_create(&me->thread, NULL, idle, me) == 0 ? USHER_OK : USHER_FAILED;
}
static void destroy(void* self) {
    threaded* me = self;
    me->ending = 1;
    pthread_join(me->thread, NULL);
    free(me);
}
