/* Rule 9: there can be only one instance, so it can never be reloaded. */
#include <usher/auth.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
static void destroy(void* self);
#define CREATE create
#define DESTROY destroy
#include "broken.h"

static int taken;
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    if (taken) {
        host->log(host, USHER_LOG_ERROR, 0, str("there is one of me already"), NULL, 0);
        return USHER_FAILED;
    }
    taken = 1;
    return good_create(host, config, count, self);
}
static void destroy(void* self) {
    taken = 0;
    good_destroy(self);
}
