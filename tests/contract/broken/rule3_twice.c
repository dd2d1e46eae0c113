/* Rule 3: completes each call twice. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    good_check(self, call, request);
    good_check(self, call, request);
}
