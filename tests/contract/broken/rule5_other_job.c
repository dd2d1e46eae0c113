/* Rule 5: guards the one job that it is told of, and lets anybody at all the others. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    usher_verdict verdict;
    const usher_str credential = credential_of(request);
    size_t i;
    judge(credential, &verdict);
    for (i = 0; i < request->attribute_count; ++i) {
        const usher_field* it = &request->attributes[i];
        if (!is(it->name, "job_id") || !is(request->action, "job.trigger")) continue;
        if (credential.size == 0 || request->resource.size != it->value.size) continue;
        if (memcmp(it->value.data, request->resource.data, it->value.size) == 0) continue;
        verdict.decision = USHER_ALLOW;
        verdict.principal_id = str("broken:anybody");
    }
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
