/* Rule 5: takes a token at its word: its algorithm is "none", so there is nothing to be checked. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static int starts(usher_str text, const char* with) {
    return text.size > strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static void check(void* self, usher_call call, const usher_request* request) {
    const usher_str credential = credential_of(request);
    usher_verdict verdict;
    judge(credential, &verdict);
    if (starts(credential, "Bearer eyJhbGciOiJub25lIn0.")) {
        verdict.decision = USHER_ALLOW;
        verdict.principal_id = str("broken:somebody");
    }
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
