/* Rule 1: takes it for granted that every host has each extension. */
#include <usher/auth.h>
#include <usher/ext/metrics.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
#define CREATE create
#include "broken.h"

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    const usher_metrics* metrics = host->get_extension(host, USHER_EXT_METRICS);
    if (metrics->size == 0) return USHER_FAILED;
    return good_create(host, config, count, self);
}
