/*
 * usher.health/1, offered by the plugin: is it able to answer? Shown by /readyz.
 */
#ifndef USHER_EXT_HEALTH_H
#define USHER_EXT_HEALTH_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_HEALTH "usher.health/1"

typedef struct {
    uint32_t size, reserved;
    /* USHER_OK, or negative with a reason of at most `capacity` bytes in `reason` (*length is set). Returns
     * at once: reports what it knows, asks nobody. [any-thread] */
    usher_status (*check)(void* self, char* reason, size_t capacity, size_t* length);
} usher_health;

#ifdef __cplusplus
}
#endif

#endif
