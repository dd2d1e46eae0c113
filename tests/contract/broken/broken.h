/*
 * A plugin that keeps every rule, in pieces: each broken one replaces a piece and breaks one rule. It lets in
 * `Authorization: Bearer sesame-sesame-sesame` and abstains otherwise.
 */
#ifndef USHER_TEST_BROKEN_H
#define USHER_TEST_BROKEN_H

#include <usher/auth.h>

#include <stdlib.h>
#include <string.h>

typedef struct {
    const usher_host* host;
} broken;

static usher_str str(const char* text) {
    usher_str s;
    s.data = text;
    s.size = strlen(text);
    return s;
}

static int is(usher_str text, const char* other) {
    return text.size == strlen(other) && memcmp(text.data, other, text.size) == 0;
}

/* The one Authorization field; empty when there is none, or more than one. */
static usher_str credential_of(const usher_request* request) {
    usher_str found = {NULL, 0};
    size_t i, count = 0;
    for (i = 0; i < request->header_count; ++i)
        if (is(request->headers[i].name, "Authorization")) found = request->headers[i].value, ++count;
    if (count != 1) found.data = NULL, found.size = 0;
    return found;
}

static void judge(usher_str credential, usher_verdict* verdict) {
    memset(verdict, 0, sizeof *verdict);
    verdict->size = sizeof *verdict;
    verdict->decision = USHER_ABSTAIN;
    if (!is(credential, "Bearer sesame-sesame-sesame")) return;
    verdict->decision = USHER_ALLOW;
    verdict->principal_id = str("broken:somebody");
}

static usher_status good_create(const usher_host* host, const usher_field* config, size_t count,
                                void** self) {
    broken* me = calloc(1, sizeof *me);
    (void)config, (void)count;
    if (!me) return USHER_NO_MEMORY;
    me->host = host;
    *self = me;
    return USHER_OK;
}
static usher_status good_start(void* self) {
    (void)self;
    return USHER_OK;
}
static void good_check(void* self, usher_call call, const usher_request* request) {
    usher_verdict verdict;
    judge(credential_of(request), &verdict);
    ((broken*)self)->host->complete(((broken*)self)->host, call, &verdict);
}
static void good_stop(void* self) {
    (void)self;
}
static void good_destroy(void* self) {
    free(self);
}

#ifndef CREATE
#define CREATE good_create
#endif
#ifndef START
#define START good_start
#endif
#ifndef CHECK
#define CHECK good_check
#endif
#ifndef SETTLED
#define SETTLED NULL
#endif
#ifndef STOP
#define STOP good_stop
#endif
#ifndef DESTROY
#define DESTROY good_destroy
#endif
#ifndef EXTENSION
#define EXTENSION NULL
#endif
#ifndef MODEL
#define MODEL USHER_PARALLEL
#endif
#ifndef ENTRY_ID
#define ENTRY_ID "broken"
#endif

static const usher_auth_ops ops = {
    sizeof(usher_auth_ops), MODEL, CREATE, START, CHECK, SETTLED, NULL, STOP, DESTROY, EXTENSION};
const usher_auth_entry usher_auth_entry_v1 = {
    sizeof(usher_auth_entry), USHER_AUTH_MINOR, 0, ENTRY_ID, "1.0.0", "Usher's tests", &ops};
USHER_AUTH_NOTE("broken", "1.0.0")

/* Every piece is used, whatever was replaced. */
void* const usher_broken_pieces[] = {(void*)good_create, (void*)good_start, (void*)good_check,
                                     (void*)good_stop, (void*)good_destroy};

#endif
