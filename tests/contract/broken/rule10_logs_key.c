/* Rule 10: writes the credential into the log. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    const usher_host* host = ((broken*)self)->host;
    const usher_field field = {{"credential", 10}, credential_of(request)};
    host->log(host, USHER_LOG_INFO, call, str("asked"), &field, 1);
    good_check(self, call, request);
}
