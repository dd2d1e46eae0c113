/* Rule 1: whatever extension it is asked for, it has one. */
#include <usher/auth.h>
static const void* extension(void* self, const char* id);
#define EXTENSION extension
#include "broken.h"

static const void* extension(void* self, const char* id) {
    static const uint32_t table[8] = {sizeof table};
    (void)self;
    return strstr(id, "/77") ? table : NULL; /* one that nobody has heard of */
}
