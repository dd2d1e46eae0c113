/*
 * A library that mentions every type that crosses the line, so that abidw and abidiff see them all. Compared
 * with usher-auth-1.abi by tests/contract/abi.
 */
#include <usher/auth.h>
#include <usher/ext/audit.h>
#include <usher/ext/config-schema.h>
#include <usher/ext/db-turn.h>
#include <usher/ext/health.h>
#include <usher/ext/http-routes.h>
#include <usher/ext/metrics.h>
#include <usher/ext/reload.h>
#include <usher/ext/secrets.h>
#include <usher/ext/state-dir.h>
#include <usher/ext/thread-check.h>
#include <usher/ext/timer.h>

#define ANCHOR(type) USHER_EXPORT const type* usher_anchor_##type(const type* it)
#define ANCHORED(type)                                                                                       \
    ANCHOR(type);                                                                                            \
    ANCHOR(type) {                                                                                           \
        return it;                                                                                           \
    }

ANCHORED(usher_str)
ANCHORED(usher_field)
ANCHORED(usher_call)
ANCHORED(usher_status)
ANCHORED(usher_decision)
ANCHORED(usher_request)
ANCHORED(usher_verdict)
ANCHORED(usher_outcome)
ANCHORED(usher_host)
ANCHORED(usher_auth_ops)
ANCHORED(usher_auth_entry)
ANCHORED(usher_auth_note)
ANCHORED(usher_audit_record)
ANCHORED(usher_audit)
ANCHORED(usher_config_key)
ANCHORED(usher_config_schema)
ANCHORED(usher_db_turn)
ANCHORED(usher_health)
ANCHORED(usher_route)
ANCHORED(usher_http_request)
ANCHORED(usher_http_response)
ANCHORED(usher_http_routes)
ANCHORED(usher_http_routes_host)
ANCHORED(usher_metrics)
ANCHORED(usher_reload)
ANCHORED(usher_secrets)
ANCHORED(usher_state_dir)
ANCHORED(usher_thread_check)
ANCHORED(usher_timer_id)
ANCHORED(usher_timer)
ANCHORED(usher_timer_host)
