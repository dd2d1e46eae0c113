/*
 * usher.reload/1, offered by the plugin: takes a new configuration without a second instance. For plugins
 * whose state is costly to make again. Without it the host makes a second instance from the new
 * configuration, and ends the first one when that is healthy; so it does, in a second process, when a plugin
 * in a process of its own has another file on disk by now, and when the host's own keys of the section
 * changed.
 */
#ifndef USHER_EXT_RELOAD_H
#define USHER_EXT_RELOAD_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_RELOAD "usher.reload/1"

typedef struct {
    uint32_t size, reserved;
    /* `config` as for create(); checks go on meanwhile. USHER_OK: from now on it holds. USHER_STALE: make a
     * second instance instead. Anything else: refused, nothing has changed; say why through log(). [main] */
    usher_status (*reload)(void* self, const usher_field* config, size_t config_count);
} usher_reload;

#ifdef __cplusplus
}
#endif

#endif
