/* Rule 5: of two Authorization fields it looks at the first; what is behind it may look at the other. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
#define CHECK check
#include "broken.h"

static void check(void* self, usher_call call, const usher_request* request) {
    usher_str first = {NULL, 0};
    usher_verdict verdict;
    size_t i;
    for (i = 0; i < request->header_count && !first.data; ++i)
        if (is(request->headers[i].name, "Authorization")) first = request->headers[i].value;
    judge(first, &verdict);
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
