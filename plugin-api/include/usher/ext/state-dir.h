/*
 * usher.state-dir/1, offered by the host: a folder that belongs to this plugin's name, mode 0700, and the
 * daemon's own.
 */
#ifndef USHER_EXT_STATE_DIR_H
#define USHER_EXT_STATE_DIR_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_STATE_DIR "usher.state-dir/1"

typedef struct {
    uint32_t size, reserved;
    /* Absolute path without a trailing slash; valid as long as the host. [any-thread] */
    usher_str (*plugin_dir)(const usher_host*); /* STATE/plugins/NAME, made on first use */
    usher_str (*daemon_dir)(
        const usher_host*); /* STATE itself: for files that an operator looks for, setup-token */
} usher_state_dir;

#ifdef __cplusplus
}
#endif

#endif
