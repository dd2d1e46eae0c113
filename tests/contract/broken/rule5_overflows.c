/* Rule 5: has room for a credential of 8,000 characters, and does not look. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    char copy[8000];
    usher_str credential = credential_of(request);
    usher_verdict verdict;
    size_t i;
    for (i = 0; i < credential.size; ++i) ((volatile char*)copy)[i] = credential.data[i];
    if (credential.data) credential.data = copy;
    judge(credential, &verdict);
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
