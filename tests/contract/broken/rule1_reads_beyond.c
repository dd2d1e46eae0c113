/* Rule 1: calls a member that the host's struct may or may not have, without asking `size`. */
#include <usher/auth.h>
static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self);
#define CREATE create
#include "broken.h"

typedef struct {
    usher_host known;
    void (*of_a_later_minor)(const usher_host*);
} later_host;

static usher_status create(const usher_host* host, const usher_field* config, size_t count, void** self) {
    const later_host* later = (const later_host*)host;
    if (later->of_a_later_minor) later->of_a_later_minor(host);
    return good_create(host, config, count, self);
}
