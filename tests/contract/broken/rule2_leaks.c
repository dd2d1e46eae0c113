/* Rule 2: what an instance allocates it must free: this one keeps 64 KiB for good. */
#include <usher/auth.h>
static void destroy(void* self);
#define DESTROY destroy
#include "broken.h"

static void destroy(void* self) {
    char* volatile lost = malloc(64 * 1024);
    memset(lost, 1, 64 * 1024);
    free(self);
}
