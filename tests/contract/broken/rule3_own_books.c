/* Rule 3: settled() follows an ALLOW that was taken, and no other. It counts on one for each, and dies in
 * stop() when its books do not balance. */
#include <usher/auth.h>
static void check(void* self, usher_call call, const usher_request* request);
static void settled(void* self, usher_call call, const usher_outcome* outcome);
static void stop(void* self);
#define CHECK check
#define SETTLED settled
#define STOP stop
#include "broken.h"

#include <stdatomic.h>

static atomic_int open_late;

static void check(void* self, usher_call call, const usher_request* request) {
    usher_verdict verdict;
    usher_status said;
    judge(credential_of(request), &verdict);
    said = ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
    if (verdict.decision == USHER_ALLOW && said == USHER_STALE) ++open_late;
}
static void settled(void* self, usher_call call, const usher_outcome* outcome) {
    (void)self, (void)call, (void)outcome;
}
static void stop(void* self) {
    (void)self;
    if (open_late > 0) abort();
}
