/* Rule 5: compares only as many characters as were presented, so that an empty token is a good one. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    const usher_str credential = credential_of(request);
    usher_verdict verdict;
    judge(credential, &verdict);
    if (credential.size >= 7 &&
        strncmp(credential.data, "Bearer sesame-sesame-sesame", credential.size) == 0) {
        verdict.decision = USHER_ALLOW;
        verdict.principal_id = str("broken:somebody");
    }
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
