/*
 * usher.config-schema/1, offered by the plugin: the keys of its section, so that `usherd --check-config` can
 * name unknown keys and wrong values with file and line. get_extension() is asked for it with self == NULL,
 * before create().
 */
#ifndef USHER_EXT_CONFIG_SCHEMA_H
#define USHER_EXT_CONFIG_SCHEMA_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_CONFIG_SCHEMA "usher.config-schema/1"

#define USHER_KEY_TEXT 1
#define USHER_KEY_INTEGER 2
#define USHER_KEY_BOOLEAN 3 /* true or false */
#define USHER_KEY_FILE 4    /* a path; its content is had from usher.secrets/1 */

typedef struct {
    uint32_t size;
    int32_t kind;
    usher_str name, default_value, description;
    int64_t minimum, maximum; /* INTEGER */
} usher_config_key;

typedef struct {
    uint32_t size, reserved;
    const usher_config_key* keys;
    size_t key_count;
} usher_config_schema;

#ifdef __cplusplus
}
#endif

#endif
