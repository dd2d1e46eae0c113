/* Rule 8: calls a function that nobody has. */
#include <usher/auth.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
#define CREATE create
#include "broken.h"

usher_status nobody_has_this(void);

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    if (count > 1000) return nobody_has_this();
    return good_create(host, config, count, self);
}
