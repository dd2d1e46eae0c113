/*
 * usher.timer/1: a plugin is called now and then without a thread of its own. The host offers start() and
 * stop(), the plugin offers on_timer() under the same id.
 */
#ifndef USHER_EXT_TIMER_H
#define USHER_EXT_TIMER_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_TIMER "usher.timer/1"

typedef uint64_t usher_timer_id; /* 0 is no timer */

/* Offered by the host. */
typedef struct {
    uint32_t size, reserved;
    /* From now on on_timer() is called every `period_ms` (50 to 86,400,000; up to 50 ms late), never twice at
     * once and never before start() or after stop() of the plugin. At most 16 timers an instance:
     * USHER_NO_MEMORY. USHER_INVALID when the plugin offers no on_timer(). [any-thread] */
    usher_status (*start)(const usher_host*, uint32_t period_ms, usher_timer_id* id);
    /* One call may still be under way when this returns. [any-thread] */
    void (*stop)(const usher_host*, usher_timer_id id);
} usher_timer_host;

/* Offered by the plugin. */
typedef struct {
    uint32_t size, reserved;
    void (*on_timer)(void* self, usher_timer_id id); /* [any-thread] */
} usher_timer;

#ifdef __cplusplus
}
#endif

#endif
