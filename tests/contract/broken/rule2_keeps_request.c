/* Rule 2: reads the request after check() has returned, without retain(). One thread answers all calls. */
#include <usher/auth.h>

#include <pthread.h>
#include <signal.h>
#include <time.h>
static usher_status start(void* self);
static void check(void* self, usher_call call, const usher_request* request);
static void stop(void* self);
#define START start
#define CHECK check
#define STOP stop
#include "broken.h"

#define ROOM 4096
typedef struct {
    usher_call call;
    const usher_request* request;
} later;

static later queue[ROOM];
static broken* owner[ROOM];
static size_t first, last;
static int ending, running;
static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void* answer(void* argument) {
    const struct timespec pause = {0, 5 * 1000 * 1000};
    (void)argument;
    for (;;) {
        later mine;
        broken* me;
        pthread_mutex_lock(&lock);
        if (first == last) {
            const int over = ending;
            pthread_mutex_unlock(&lock);
            if (over) return NULL;
            nanosleep(&pause, NULL);
            continue;
        }
        mine = queue[first % ROOM], me = owner[first % ROOM];
        ++first;
        pthread_mutex_unlock(&lock);
        good_check(me, mine.call, mine.request);
    }
}

static usher_status start(void* self) {
    sigset_t all, before;
    (void)self;
    if (running++ > 0) return USHER_OK;
    ending = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_create(&thread, NULL, answer, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return USHER_OK;
}

static void check(void* self, usher_call call, const usher_request* request) {
    pthread_mutex_lock(&lock);
    queue[last % ROOM].call = call, queue[last % ROOM].request = request, owner[last % ROOM] = self;
    ++last;
    pthread_mutex_unlock(&lock);
}

static void stop(void* self) {
    const struct timespec pause = {0, 5 * 1000 * 1000};
    int empty = 0;
    (void)self;
    while (!empty) {
        pthread_mutex_lock(&lock);
        empty = first == last;
        pthread_mutex_unlock(&lock);
        nanosleep(&pause, NULL);
    }
    if (--running > 0) return;
    ending = 1;
    pthread_join(thread, NULL);
}
