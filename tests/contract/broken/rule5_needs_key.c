/* Rule 5: does not ask whether its key is there at all, and whether it is short enough. */
#include <usher/auth.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
#define CREATE create
#include "broken.h"

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    volatile char word[64] = {0};
    size_t i;
    if (count == 0) abort();
    for (i = 0; i < config[0].value.size; ++i) word[i] = config[0].value.data[i];
    if (word[0] == 1) return USHER_FAILED;
    return good_create(host, config, count, self);
}
