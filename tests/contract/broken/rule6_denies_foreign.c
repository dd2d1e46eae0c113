/* Rule 6: denies what is not its own, so that no plugin after it is ever asked. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    usher_verdict verdict;
    judge(credential_of(request), &verdict);
    if (verdict.decision == USHER_ABSTAIN) verdict.decision = USHER_DENY;
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
