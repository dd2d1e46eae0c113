/*
 * allow-all: lets everybody in, at once. What a benchmark compares a real plugin with; of no other use, and
 * not installed.
 */
#include <usher/auth.h>

#include <string.h>

static const usher_host* the_host;

static usher_status create(const usher_host* host, const usher_field* config, size_t config_count,
                           void** self) {
    (void)config;
    (void)config_count;
    the_host = host;
    *self = &the_host;
    return USHER_OK;
}

static usher_status start(void* self) {
    (void)self;
    return USHER_OK;
}

static void check(void* self, usher_call call, const usher_request* request) {
    static const char principal[] = "allow-all:anyone";
    usher_verdict verdict;
    (void)self;
    (void)request;
    memset(&verdict, 0, sizeof verdict);
    verdict.size = sizeof verdict;
    verdict.decision = USHER_ALLOW;
    verdict.principal_id.data = principal;
    verdict.principal_id.size = sizeof principal - 1;
    the_host->complete(the_host, call, &verdict);
}

static void nothing(void* self) {
    (void)self;
}

static const usher_auth_ops ops = {
    sizeof ops, USHER_PARALLEL | USHER_NONBLOCKING, create, start, check, NULL, NULL, nothing, nothing, NULL};

const usher_auth_entry usher_auth_entry_v1 = {
    sizeof(usher_auth_entry), USHER_AUTH_MINOR, 0, "allow-all", "1.0.0", "Usher project", &ops};

USHER_AUTH_NOTE("allow-all", "1.0.0")
