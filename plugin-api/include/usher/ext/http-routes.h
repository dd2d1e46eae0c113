/*
 * usher.http-routes/1: a plugin serves HTTP endpoints of its own: key management, sign-in.
 *
 * The host matches method and path, checks the framing and the size of the body, and asks the chain of the
 * route's action whether the request may do this, BEFORE it calls the plugin. A route is never open by
 * itself: for a sign-in page the plugin's own check() allows "session.create" to everybody.
 */
#ifndef USHER_EXT_HTTP_ROUTES_H
#define USHER_EXT_HTTP_ROUTES_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_HTTP_ROUTES "usher.http-routes/1"

/* Plugin-owned, constant. */
typedef struct {
    uint32_t size;
    uint32_t body_limit;      /* bytes; more is answered 413. 0: no body */
    usher_str method;         /* "GET", "POST", "PATCH", "PUT", "DELETE" */
    usher_str path;           /* "/api/jobs/{id}/api-keys/{keyId}": {name} matches one whole segment */
    usher_str action;         /* "key.update": [a-z]+\.[a-z-]+ */
    usher_str resource_param; /* the {name} whose value is the resource of the question, or empty */
} usher_route;

/* Host-owned, valid until the call is answered: the request as check() saw it, and who asks. */
typedef struct {
    uint32_t size, route; /* index into routes */
    const usher_request* request;
    usher_str principal_id, principal_name, principal_role;
    const usher_field* params; /* path parameters, percent-decoded, in the order of the pattern */
    size_t param_count;
    const usher_field* query; /* percent-decoded, in order */
    size_t query_count;
} usher_http_request;

/* Plugin-owned; respond() copies it. */
typedef struct {
    uint32_t size;
    int32_t status;         /* 200 to 599 */
    usher_str content_type; /* empty: application/json */
    usher_str body;
    const usher_field*
        headers; /* Set-Cookie, Location, Retry-After, Cache-Control, RateLimit-*; others are dropped */
    size_t header_count;
} usher_http_response;

/* Offered by the plugin. */
typedef struct {
    uint32_t size, reserved;
    const usher_route* routes;
    size_t route_count;
    /* Answer with the host's respond(), before returning or later from any thread, before
     * request->deadline_ns. [check-thread]: one at a time under USHER_SERIAL; it may block. */
    void (*handle)(void* self, usher_call, const usher_http_request*);
    /* A JSON object, the `paths` of these routes for the OpenAPI document, or empty. [main] */
    usher_str openapi_paths;
} usher_http_routes;

/* Offered by the host under the same id. [any-thread] */
typedef struct {
    uint32_t size, reserved;
    /* The first response counts; later ones get USHER_STALE. */
    usher_status (*respond)(const usher_host*, usher_call, const usher_http_response*);
} usher_http_routes_host;

#ifdef __cplusplus
}
#endif

#endif
