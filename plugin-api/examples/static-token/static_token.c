/*
 * static-token: one token from a file lets a pipeline trigger jobs and look at runs. A complete plugin in C;
 * copy it to begin your own.
 *
 *     [plugins.static-token]
 *     path = /usr/lib/usher/plugins/static-token.so
 *     token_file = /etc/usher/static-token        # 0640 root:usher, one line of at least 20 characters
 *     [auth]
 *     trigger = static-token
 *     run = static-token, session
 *
 * It decides from memory, so it declares USHER_NONBLOCKING: check() is called on the thread that serves the
 * request.
 */
#include <usher/auth.h>
#include <usher/ext/config-schema.h>
#include <usher/ext/secrets.h>

#include <stdlib.h>
#include <string.h>

#define TOKEN_MIN 20
#define TOKEN_MAX 512

typedef struct {
    const usher_host* host;
    size_t size;
    char token[TOKEN_MAX];
} static_token;

#define STR(literal)                                                                                         \
    { literal, sizeof(literal) - 1 }

static usher_str str(const char* text) {
    usher_str s;
    s.data = text;
    s.size = strlen(text);
    return s;
}

static void log_error(const usher_host* host, const char* text) {
    host->log(host, USHER_LOG_ERROR, 0, str(text), NULL, 0);
}

/* A plain memset() of memory that is freed next may be left out by the compiler. */
static void wipe(void* memory, size_t size) {
    volatile char* at = memory;
    while (size-- > 0) *at++ = 0;
}

static usher_status create(const usher_host* host, const usher_field* config, size_t config_count,
                           void** self) {
    const usher_secrets* secrets = host->get_extension(host, USHER_EXT_SECRETS);
    static_token* me = calloc(1, sizeof *me);
    usher_status status = USHER_INVALID;
    size_t i;
    (void)config;
    (void)config_count; /* the one key, token_file, is read by the host: its content is the secret "token" */
    if (!me) return USHER_NO_MEMORY;
    me->host = host;
    if (secrets) status = secrets->get(host, str("token"), me->token, sizeof me->token, &me->size);
    for (i = 0; status == USHER_OK && i < me->size; ++i)
        if (me->token[i] < 0x21 || me->token[i] > 0x7e) status = USHER_FAILED;
    if (status != USHER_OK || me->size < TOKEN_MIN) {
        log_error(host,
                  "token_file must name a readable file that holds one token: 20 to 512 printable characters "
                  "without spaces");
        wipe(me, sizeof *me);
        free(me);
        return USHER_FAILED;
    }
    *self = me;
    return USHER_OK;
}

static usher_status start(void* self) {
    (void)self;
    return USHER_OK;
}

/* In time that depends on the length of what was presented at most, never on how much of it is right. */
static int equals_token(const static_token* me, const char* presented, size_t size) {
    unsigned char difference = size == me->size ? 0 : 1;
    size_t i;
    for (i = 0; i < me->size; ++i)
        difference |= (unsigned char)(me->token[i] ^ (i < size ? presented[i] : 0));
    return difference == 0;
}

/* ASCII, any case; `lower` is lower-case. */
static int equals_ignoring_case(const char* text, size_t size, const char* lower) {
    size_t i;
    if (size != strlen(lower)) return 0;
    for (i = 0; i < size; ++i) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if (c != lower[i]) return 0;
    }
    return 1;
}

static int is_allowed_action(usher_str action) {
    static const char* const allowed[] = {"job.trigger", "run.read", "run.list"};
    size_t i;
    for (i = 0; i < sizeof allowed / sizeof *allowed; ++i)
        if (action.size == strlen(allowed[i]) && memcmp(action.data, allowed[i], action.size) == 0) return 1;
    return 0;
}

static void judge(const static_token* me, const usher_request* request, usher_verdict* verdict) {
    static const usher_field ask[] = {{STR("WWW-Authenticate"), STR("Bearer")}};
    static const usher_field invalid[] = {{STR("WWW-Authenticate"), STR("Bearer error=\"invalid_token\"")}};
    const usher_field* credential = NULL;
    const char* token;
    size_t i, count = 0, size;

    for (i = 0; i < request->header_count; ++i)
        if (equals_ignoring_case(request->headers[i].name.data, request->headers[i].name.size,
                                 "authorization")) {
            credential = &request->headers[i];
            ++count;
        }
    if (count > 1) { /* which one would be the right one? */
        verdict->decision = USHER_DENY;
        verdict->http_status = 400;
        verdict->code = str("REPEATED_AUTHORIZATION");
        verdict->public_message = str("Authorization given twice\nSend one Authorization header.");
        return;
    }

    /* Nothing of ours: perhaps the next plugin's. The texts are used when nobody knows it. */
    verdict->decision = USHER_ABSTAIN;
    verdict->headers = ask;
    verdict->header_count = 1;
    verdict->code = str("TOKEN_REQUIRED");
    verdict->public_message = str("Token required\nSend Authorization: Bearer TOKEN.");
    if (count == 0 || credential->value.size < 7 ||
        !equals_ignoring_case(credential->value.data, 7, "bearer "))
        return;

    token = credential->value.data + 7;
    size = credential->value.size - 7;
    while (size > 0 && *token == ' ') ++token, --size;
    if (!equals_token(me, token, size)) {
        verdict->flags = USHER_GUESS;
        verdict->headers = invalid;
        verdict->code = str("INVALID_TOKEN");
        verdict->public_message = str("Invalid token");
        return;
    }
    if (!is_allowed_action(request->action)) {
        verdict->decision = USHER_DENY;
        verdict->headers = NULL;
        verdict->header_count = 0;
        verdict->code = str("FORBIDDEN");
        verdict->public_message = str("Insufficient permissions\nThis token triggers jobs and reads runs.");
        return;
    }
    verdict->decision = USHER_ALLOW;
    verdict->headers = NULL;
    verdict->header_count = 0;
    verdict->principal_id = str("static-token:ci");
    verdict->principal_name = str("CI token");
}

static void check(void* self, usher_call call, const usher_request* request) {
    const static_token* me = self;
    usher_verdict verdict;
    memset(&verdict, 0, sizeof verdict);
    verdict.size = sizeof verdict;
    judge(me, request, &verdict);
    me->host->complete(me->host, call, &verdict);
}

static void stop(void* self) {
    (void)self;
}

static void destroy(void* self) {
    wipe(self, sizeof(static_token));
    free(self);
}

static const void* get_extension(void* self, const char* id) {
    static const usher_config_key keys[] = {
        {sizeof(usher_config_key),
         USHER_KEY_FILE,
         STR("token_file"),
         {NULL, 0},
         STR("The file that holds the token"),
         0,
         0},
    };
    static const usher_config_schema schema = {sizeof schema, 0, keys, sizeof keys / sizeof *keys};
    (void)self; /* NULL before create() */
    return strcmp(id, USHER_EXT_CONFIG_SCHEMA) == 0 ? &schema : NULL;
}

static const usher_auth_ops ops = {
    sizeof ops,   USHER_PARALLEL | USHER_NONBLOCKING, create, start, check, NULL, NULL, stop, destroy,
    get_extension};

const usher_auth_entry usher_auth_entry_v1 = {
    sizeof(usher_auth_entry), USHER_AUTH_MINOR, 0, "static-token", "1.0.0", "Usher project", &ops};

USHER_AUTH_NOTE("static-token", "1.0.0")
