/* Rule 9: destroy() clears away what start() makes, also when start() never came. */
#include <usher/auth.h>

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
static usher_status start(void* self);
static void destroy(void* self);
#define CREATE create
#define START start
#define DESTROY destroy
#include "broken.h"

typedef struct {
    broken base;
    int* started;
} lazy;

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    lazy* me = calloc(1, sizeof *me);
    (void)config, (void)count;
    if (!me) return USHER_NO_MEMORY;
    me->base.host = host;
    *self = me;
    return USHER_OK;
}
static usher_status start(void* self) {
    ((lazy*)self)->started = calloc(1, sizeof(int));
    return USHER_OK;
}
static void destroy(void* self) {
    int* volatile started = ((lazy*)self)->started;
    *started = 0;
    free(started);
    free(self);
}
