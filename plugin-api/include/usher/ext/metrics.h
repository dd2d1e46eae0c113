/*
 * usher.metrics/1, offered by the host: numbers of the plugin's own on /metrics. They appear as
 * usher_plugin_own_NAME{plugin="SECTION",…}.
 */
#ifndef USHER_EXT_METRICS_H
#define USHER_EXT_METRICS_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_METRICS "usher.metrics/1"

typedef struct {
    uint32_t size, reserved;
    /* A counter: adds `value` (0 or more). `name`: [a-z][a-z0-9_]{0,47}. `labels`: at most 4, names of the
     * same form, values of at most 64 bytes; never a credential. An instance has at most 100 series:
     * USHER_NO_MEMORY beyond. Never blocks. [any-thread] */
    usher_status (*add)(const usher_host*, usher_str name, double value, const usher_field* labels,
                        size_t label_count);
    /* A gauge: is `value` from now on. A name is either a counter or a gauge: USHER_INVALID. [any-thread] */
    usher_status (*set)(const usher_host*, usher_str name, double value, const usher_field* labels,
                        size_t label_count);
} usher_metrics;

#ifdef __cplusplus
}
#endif

#endif
