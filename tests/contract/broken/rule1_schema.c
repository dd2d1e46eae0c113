/* Rule 1: its schema does not know the key that it is configured with. */
#include <usher/auth.h>
#include <usher/ext/config-schema.h>
static const void* extension(void* self, const char* id);
#define EXTENSION extension
#include "broken.h"

static const void* extension(void* self, const char* id) {
    static const usher_config_schema schema = {sizeof(usher_config_schema), 0, NULL, 0};
    (void)self;
    return strcmp(id, USHER_EXT_CONFIG_SCHEMA) == 0 ? &schema : NULL;
}
