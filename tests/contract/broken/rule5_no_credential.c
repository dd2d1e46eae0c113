/* Rule 5: whoever brings nothing may come in. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    const usher_str credential = credential_of(request);
    usher_verdict verdict;
    judge(credential, &verdict);
    if (!credential.data) {
        verdict.decision = USHER_ALLOW;
        verdict.principal_id = str("broken:somebody");
    }
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
