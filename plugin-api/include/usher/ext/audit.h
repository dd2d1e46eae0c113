/*
 * usher.audit/1, offered by the host: one record of who did what, kept in the audit log and written as one
 * log line. The host adds time, plugin, request id and address. Never pass key material.
 */
#ifndef USHER_EXT_AUDIT_H
#define USHER_EXT_AUDIT_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_AUDIT "usher.audit/1"

typedef struct {
    uint32_t size, reserved;
    usher_str actor;    /* principal id */
    usher_str action;   /* "key.create" */
    usher_str resource; /* "job:<id> key:<id>" */
    usher_str decision; /* "allowed" or "refused" */
    usher_str code;
    usher_str detail;
    usher_str address;
    usher_str request_id;
} usher_audit_record;

typedef struct {
    uint32_t size, reserved;
    /* Never blocks: a bounded queue; USHER_NO_MEMORY when it is full (counted). [any-thread] */
    usher_status (*record)(const usher_host*, const usher_audit_record*);
} usher_audit;

#ifdef __cplusplus
}
#endif

#endif
