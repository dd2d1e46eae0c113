/*
 * usher.secrets/1, offered by the host: values that a plugin needs and that must not stand in its
 * configuration keys. "database.url" and "database.password" are there when the plugin's section says
 * `database = shared`; any other NAME is the content of the file that the section's key NAME_file names,
 * without its last newline.
 */
#ifndef USHER_EXT_SECRETS_H
#define USHER_EXT_SECRETS_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_SECRETS "usher.secrets/1"

typedef struct {
    uint32_t size, reserved;
    /* Copies the secret into buffer and sets *length to its whole length; USHER_INVALID when there is none of
     * that name, USHER_NO_MEMORY when `capacity` is too small (then nothing is copied, *length is set). Wipe
     * the buffer after use. [any-thread] */
    usher_status (*get)(const usher_host*, usher_str name, char* buffer, size_t capacity, size_t* length);
} usher_secrets;

#ifdef __cplusplus
}
#endif

#endif
