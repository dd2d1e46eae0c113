/* Rule 7: finds out how it is while somebody waits for the answer. */
#include <usher/auth.h>
#include <usher/ext/health.h>

#include <time.h>
static const void* extension(void* self, const char* id);
#define EXTENSION extension
#include "broken.h"

static usher_status check_health(void* self, char* reason, size_t capacity, size_t* length) {
    const struct timespec pause = {0, 300 * 1000 * 1000};
    (void)self, (void)reason, (void)capacity;
    nanosleep(&pause, NULL);
    *length = 0;
    return USHER_OK;
}
static const void* extension(void* self, const char* id) {
    static const usher_health health = {sizeof(usher_health), 0, check_health};
    (void)self;
    return strcmp(id, USHER_EXT_HEALTH) == 0 ? &health : NULL;
}
