/* Rule 3: answers on a thread of its own, a little later; what is still open when stop() comes it forgets. */
#include <usher/auth.h>

#include <pthread.h>
#include <signal.h>
#include <time.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
static usher_status start(void* self);
static void check(void* self, usher_call call, const usher_request* request);
static void stop(void* self);
#define CREATE create
#define START start
#define CHECK check
#define STOP stop
#include "broken.h"

enum { MOST = 4096 };
typedef struct {
    broken base;
    pthread_t thread;
    pthread_mutex_t mutex;
    int ending;
    size_t first, last;
    struct {
        usher_call call;
        usher_verdict verdict;
    } waiting[MOST];
} late;

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    late* me = calloc(1, sizeof *me);
    (void)config, (void)count;
    if (!me) return USHER_NO_MEMORY;
    me->base.host = host;
    pthread_mutex_init(&me->mutex, NULL);
    *self = me;
    return USHER_OK;
}
static void* answer(void* argument) {
    late* me = argument;
    const struct timespec pause = {0, 30 * 1000 * 1000};
    for (;;) {
        size_t until;
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&me->mutex);
        until = me->ending ? me->first : me->last;
        pthread_mutex_unlock(&me->mutex);
        for (; me->first != until; ++me->first)
            me->base.host->complete(me->base.host, me->waiting[me->first % MOST].call,
                                    &me->waiting[me->first % MOST].verdict);
        if (me->ending) return NULL;
    }
}
static usher_status start(void* self) {
    late* me = self;
    sigset_t all, before;
    int error;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&me->thread, NULL, answer, me);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? USHER_OK : USHER_FAILED;
}
static void check(void* self, usher_call call, const usher_request* request) {
    late* me = self;
    pthread_mutex_lock(&me->mutex);
    me->waiting[me->last % MOST].call = call;
    judge(credential_of(request), &me->waiting[me->last % MOST].verdict);
    ++me->last;
    pthread_mutex_unlock(&me->mutex);
}
static void stop(void* self) {
    late* me = self;
    pthread_mutex_lock(&me->mutex);
    me->ending = 1;
    pthread_mutex_unlock(&me->mutex);
    pthread_join(me->thread, NULL);
}
