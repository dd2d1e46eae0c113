/* Rule 3: completes only those calls that it likes. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    if (credential_of(request).size != 0) return;
    good_check(self, call, request);
}
