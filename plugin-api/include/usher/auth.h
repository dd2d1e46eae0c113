/*
 * usher/auth.h: the interface between usherd and an authentication plugin, version 1.
 *
 * A plugin is a shared object that answers one question: may this request do this? This header is its whole
 * manual. It needs <stddef.h> and <stdint.h>, compiles as C99, C11 and C++11 and later, and never changes
 * what it once said: a new minor version appends members, a new major version is another symbol beside this
 * one.
 *
 * SHAPE
 *   A plugin exports one constant, `usher_auth_entry_v1`, and one ELF note (USHER_AUTH_NOTE below). The host
 * reads the note before any code of the plugin runs, loads the file, calls create(), start(), then check()
 * for each question; at the end stop() and destroy().
 *
 * MEMORY
 *   Nobody frees what the other side allocated. Every call copies what it wants to keep. An usher_str is
 * bytes, not a C string: it has no terminating NUL and may hold anything, NUL included. {NULL, 0} is the
 * empty string.
 *
 * THREADS
 *   Each function carries a tag. [main]: one thread, never at the same time as another [main] call of this
 * instance. [check-thread]: threads that the host keeps for this instance, one at a time under USHER_SERIAL,
 * several under USHER_PARALLEL. [worker]: a thread that serves requests; only for plugins that declare
 * USHER_NONBLOCKING. [any-thread]: any, at any time, also while other calls run. A plugin's own threads begin
 * in start(), not before, block every signal, and are joined in stop(). Plugins do not fork; every descriptor
 * is close-on-exec, because the daemon starts other programs.
 *
 * FAILURE
 *   Nothing that a plugin does wrong lets anybody in: a zeroed verdict is an error, an unknown decision is an
 * error, a call that is never answered ends at its deadline. No exception and no longjmp may cross this
 * interface (auth.hpp keeps that promise for C++).
 *
 * VERSIONS
 *   Every struct that may grow begins with its own `size`. A member exists when `size` reaches past its end,
 * and a function pointer must also not be NULL. Set `size` to sizeof the struct that you were compiled with;
 * read no member of the other side's struct beyond its `size` (USHER_HAS).
 */
#ifndef USHER_AUTH_H
#define USHER_AUTH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_AUTH_MAJOR 1u
#define USHER_AUTH_MINOR 0u

/* Does *p (a struct that begins with `size`) hold `member` ? */
#define USHER_HAS(p, type, member)                                                                           \
    ((p) != NULL && (size_t)(p)->size >= offsetof(type, member) + sizeof((p)->member))

/* ---------------------------------------------------------------- values */

/* Bytes. Frozen: never grows. */
typedef struct {
    const char* data;
    size_t size;
} usher_str;

/* A header field, an attribute, a configuration key. Frozen. */
typedef struct {
    usher_str name, value;
} usher_field;

/* One question, from check() to its end: slot and generation, never a pointer. 0 is no call. A handle whose
 * call is over stays harmless for ever: every function answers USHER_STALE. */
typedef uint64_t usher_call;

/* 0: done. Negative: not done, and nothing has changed. */
typedef int32_t usher_status;
#define USHER_OK 0
#define USHER_STALE (-1)   /* the call is over: answered, past its deadline, or cancelled */
#define USHER_INVALID (-2) /* an argument makes no sense */
#define USHER_NO_MEMORY (-3)
#define USHER_TIMEOUT (-4)
#define USHER_FAILED (-5) /* anything else; say why through host->log() */

/* What a verdict says. Values that you do not know mean USHER_ERROR. */
typedef int32_t usher_decision;
#define USHER_ERROR 0 /* the question could not be judged: 503, nobody gets in */
#define USHER_ALLOW 1
#define USHER_DENY 2 /* this credential may not; nobody after you is asked */
#define USHER_ABSTAIN                                                                                        \
    3 /* no credential of mine; the next plugin is asked, and if all abstain the request is refused */

/* usher_auth_ops.thread_model */
#define USHER_SERIAL 1u
#define USHER_PARALLEL 2u
#define USHER_NONBLOCKING                                                                                    \
    0x100u /* or'ed in: check() returns within 100 µs, always. Break it and you are demoted */

/* usher_verdict.flags */
#define USHER_HAS_LIMITS 1u /* limit, remaining and reset_ms are set */
#define USHER_REPLAY_OK                                                                                      \
    2u /* refused only for a limit: the answer to an earlier, equal request may be repeated */
#define USHER_GUESS                                                                                          \
    4u /* the credential does not exist or has no valid form: counts as guessing, by address */

/* usher_request.flags */
#define USHER_SECURE 1u /* the client spoke TLS, to us or to a trusted proxy */

/* severity of log() */
#define USHER_LOG_ERROR 1 /* a person must act */
#define USHER_LOG_WARNING 2
#define USHER_LOG_INFO 3
#define USHER_LOG_DEBUG 4

/* ---------------------------------------------------------------- the question */

/* Host-owned. Valid until check() returns or, after retain(), until release(). */
typedef struct {
    uint32_t size, flags;
    usher_str request_id;             /* for your logs; the client sees it too */
    usher_str action;                 /* "job.trigger", "key.create", "run.read", … */
    usher_str resource;               /* the id of the job, run, … or empty */
    usher_str method;                 /* "POST" */
    usher_str target;                 /* path and query as received */
    usher_str peer_address;           /* of the socket, without a port: "203.0.113.7", "2001:db8::1" */
    usher_str tls_client_fingerprint; /* lower-case hex of SHA-256, or empty */
    const usher_field* headers;       /* as received, in order; names in any case, may repeat */
    size_t header_count;
    const usher_field*
        attributes; /* what the host knows: job_id, started_by, secure, client_address (behind a trusted
                       proxy the real client), public_url, principal (of an earlier plugin) */
    size_t attribute_count;
    usher_str body;       /* raw, for signatures */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; a verdict after it is STALE */
} usher_request;

/* ---------------------------------------------------------------- the answer */

/* Plugin-owned; complete() copies what it needs before it returns. Zero it first: {0} lets nobody in. */
typedef struct {
    uint32_t size, flags;
    usher_decision decision;
    int32_t http_status;                /* 0: 401, 403 or 503 by decision; else 400 to 599 */
    int64_t limit, remaining, reset_ms; /* read only with USHER_HAS_LIMITS; reset_ms counts from now */
    usher_str principal_id;   /* stable and unique over all plugins: "api-key:<id>"; required with ALLOW.
                                 With DENY: whose credential it was, for the audit log and for replays */
    usher_str principal_name; /* for people */
    usher_str principal_role; /* "viewer", "editor", "admin", or empty */
    usher_str code; /* stable, SNAKE_CASE: "API_KEY_EXPIRED". With ABSTAIN: used when everybody abstains */
    usher_str public_message;   /* to the client. First line: the title; the rest: what to do about it */
    usher_str audit_message;    /* to the log only. Never key material */
    const usher_field* headers; /* WWW-Authenticate, Retry-After, RateLimit-*, X-RateLimit-*, and Set-Cookie
                                   but for job.trigger; others are dropped. With USHER_HAS_LIMITS the host
                                   writes those rate-limit fields that are not here */
    size_t header_count;
} usher_verdict;

/* What came of a request that you allowed. */
typedef struct {
    uint32_t size;
    int32_t kind;     /* USHER_ACCEPTED, … */
    usher_str run_id; /* with ACCEPTED, where a run was made */
} usher_outcome;
#define USHER_ACCEPTED 1
#define USHER_ABANDONED 2 /* refused after all, or answered by a replay: give back what it cost */
#define USHER_UNKNOWN 3   /* the database went away during the commit: keep what it cost */

/* ---------------------------------------------------------------- the host, as a plugin sees it */

typedef struct usher_host usher_host;
/* Host-owned, valid from create() until destroy() has returned. Every function is [any-thread] and never
 * blocks. */
struct usher_host {
    uint32_t size, minor; /* the minor version that the host was built with */

    /* Answers a call. The first answer counts; later ones, and those after the deadline, get USHER_STALE.
     * Never calls back into the plugin. May be called inside check() and inside cancel(). An ALLOW that got
     * STALE is followed by no settled(): take back yourself what it cost. */
    usher_status (*complete)(const usher_host*, usher_call, const usher_verdict*);

    /* Keeps the bytes of the call's usher_request valid past the return of check(), until release(), even
     * when the call goes STALE meanwhile. Only inside check(). */
    usher_status (*retain)(const usher_host*, usher_call);
    void (*release)(const usher_host*, usher_call);

    /* One line. The host adds the plugin's name, the request id of `call` (0: none) and the time, and makes
     * control characters harmless. Never pass a key, a cookie or an Authorization header. */
    void (*log)(const usher_host*, int32_t severity, usher_call call, usher_str message,
                const usher_field* fields, size_t field_count);

    /* A table of further functions ("usher.secrets/1", see usher/ext/), or NULL. The same pointer each time.
     */
    const void* (*get_extension)(const usher_host*, const char* id);
};

/* ---------------------------------------------------------------- the plugin, as the host sees it */

typedef struct {
    uint32_t size, thread_model;

    /* Makes an instance. `config` holds the keys of the section [plugins.NAME] that are not the host's own;
     * copy what you keep. On failure say why through log(), leave *self alone, return a negative status: the
     * host does not start. Several instances may live at once (a reload makes the new one before the old one
     * ends). [main] */
    usher_status (*create)(const usher_host*, const usher_field* config, size_t config_count, void** self);

    /* Threads may begin here, connections be opened, migrations run. [main] */
    usher_status (*start)(void* self);

    /* Answer with host->complete(), before returning or later from any thread. [check-thread], or [worker]
     * when declared NONBLOCKING. Every call must be completed once, also after cancel(). */
    void (*check)(void* self, usher_call, const usher_request*);

    /* Exactly once after each ALLOW whose complete() returned USHER_OK; the handle is good until it returns.
     * May be NULL. [any-thread] */
    void (*settled)(void* self, usher_call, const usher_outcome*);

    /* The call is over (deadline, client gone): stop working on it. complete() will answer STALE. Also called
     * under USHER_SERIAL while check() runs. May be NULL. [any-thread] */
    void (*cancel)(void* self, usher_call);

    /* Complete every open call, join every thread, close every connection. [main] */
    void (*stop)(void* self);

    /* Frees the instance. Nothing of it is called afterwards. [main] */
    void (*destroy)(void* self);

    /* A table of further functions that this plugin offers ("usher.http-routes/1"), or NULL. The same pointer
     * each time, valid as long as the file is loaded. May be NULL. [main] */
    const void* (*get_extension)(void* self, const char* id);
} usher_auth_ops;

typedef struct {
    uint32_t size;
    uint32_t minor_built;    /* USHER_AUTH_MINOR of the header you were compiled with: for diagnostics */
    uint32_t minor_required; /* the host refuses to load you when it is older than this, and says so */
    const char* id;          /* "api-key": [a-z0-9-]{1,63}, equal to the note's */
    const char* version;     /* yours: "1.4.2" */
    const char* vendor;
    const usher_auth_ops* ops;
} usher_auth_entry;

#if defined(__GNUC__)
#define USHER_EXPORT __attribute__((visibility("default")))
#else
#define USHER_EXPORT
#endif

/* The one symbol that a plugin exports. It must be defined in the plugin's own file, not in a library it
 * links. */
USHER_EXPORT extern const usher_auth_entry usher_auth_entry_v1;

/* ---------------------------------------------------------------- the note */

/*
 * ELF note, owner "usher", section .note.usher.auth, type 1: three 32-bit words (major, minor built, minor
 * required) followed by id and version as two NUL-terminated strings in fixed arrays. The host reads it
 * before it runs any of the file's code, so that the wrong file is refused without having done anything.
 *
 *     USHER_AUTH_NOTE("static-token", "1.0.0")
 */
typedef struct {
    uint32_t namesz, descsz, type;
    char owner[8];
    uint32_t major, minor_built, minor_required;
    char id[64];
    char version[32];
} usher_auth_note;

#define USHER_NOTE_TYPE 1u
#if defined(__GNUC__)
#define USHER_AUTH_NOTE(plugin_id, plugin_version)                                                           \
    __attribute__((used, section(".note.usher.auth"),                                                        \
                   aligned(4))) static const usher_auth_note usher_auth_note_v1 = {                          \
        6u,                                                                                                  \
        (uint32_t)(sizeof(usher_auth_note) - offsetof(usher_auth_note, major)),                              \
        USHER_NOTE_TYPE,                                                                                     \
        "usher",                                                                                             \
        USHER_AUTH_MAJOR,                                                                                    \
        USHER_AUTH_MINOR,                                                                                    \
        0u,                                                                                                  \
        plugin_id,                                                                                           \
        plugin_version};
#endif

#ifdef __cplusplus
}
#endif

#endif
