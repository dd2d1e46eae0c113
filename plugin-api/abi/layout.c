/*
 * Where every member of every struct stands, for ever, on machines of 64 bits. A line is added when a minor
 * version appends a member, and none is ever changed: whoever breaks one breaks plugins that are installed.
 */
#include <assert.h>
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

#define AT(type, member, offset)                                                                             \
    static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) static_assert(sizeof(type) == (size), #type " has another size")

SIZE(usher_str, 16);
AT(usher_str, data, 0);
AT(usher_str, size, 8);

SIZE(usher_field, 32);
AT(usher_field, name, 0);
AT(usher_field, value, 16);

SIZE(usher_request, 176);
AT(usher_request, size, 0);
AT(usher_request, flags, 4);
AT(usher_request, request_id, 8);
AT(usher_request, action, 24);
AT(usher_request, resource, 40);
AT(usher_request, method, 56);
AT(usher_request, target, 72);
AT(usher_request, peer_address, 88);
AT(usher_request, tls_client_fingerprint, 104);
AT(usher_request, headers, 120);
AT(usher_request, header_count, 128);
AT(usher_request, attributes, 136);
AT(usher_request, attribute_count, 144);
AT(usher_request, body, 152);
AT(usher_request, deadline_ns, 168);

SIZE(usher_verdict, 152);
AT(usher_verdict, size, 0);
AT(usher_verdict, flags, 4);
AT(usher_verdict, decision, 8);
AT(usher_verdict, http_status, 12);
AT(usher_verdict, limit, 16);
AT(usher_verdict, remaining, 24);
AT(usher_verdict, reset_ms, 32);
AT(usher_verdict, principal_id, 40);
AT(usher_verdict, principal_name, 56);
AT(usher_verdict, principal_role, 72);
AT(usher_verdict, code, 88);
AT(usher_verdict, public_message, 104);
AT(usher_verdict, audit_message, 120);
AT(usher_verdict, headers, 136);
AT(usher_verdict, header_count, 144);

SIZE(usher_outcome, 24);
AT(usher_outcome, size, 0);
AT(usher_outcome, kind, 4);
AT(usher_outcome, run_id, 8);

SIZE(usher_host, 48);
AT(usher_host, size, 0);
AT(usher_host, minor, 4);
AT(usher_host, complete, 8);
AT(usher_host, retain, 16);
AT(usher_host, release, 24);
AT(usher_host, log, 32);
AT(usher_host, get_extension, 40);

SIZE(usher_auth_ops, 72);
AT(usher_auth_ops, size, 0);
AT(usher_auth_ops, thread_model, 4);
AT(usher_auth_ops, create, 8);
AT(usher_auth_ops, start, 16);
AT(usher_auth_ops, check, 24);
AT(usher_auth_ops, settled, 32);
AT(usher_auth_ops, cancel, 40);
AT(usher_auth_ops, stop, 48);
AT(usher_auth_ops, destroy, 56);
AT(usher_auth_ops, get_extension, 64);

SIZE(usher_auth_entry, 48);
AT(usher_auth_entry, size, 0);
AT(usher_auth_entry, minor_built, 4);
AT(usher_auth_entry, minor_required, 8);
AT(usher_auth_entry, id, 16);
AT(usher_auth_entry, version, 24);
AT(usher_auth_entry, vendor, 32);
AT(usher_auth_entry, ops, 40);

SIZE(usher_auth_note, 128);
AT(usher_auth_note, namesz, 0);
AT(usher_auth_note, descsz, 4);
AT(usher_auth_note, type, 8);
AT(usher_auth_note, owner, 12);
AT(usher_auth_note, major, 20);
AT(usher_auth_note, minor_built, 24);
AT(usher_auth_note, minor_required, 28);
AT(usher_auth_note, id, 32);
AT(usher_auth_note, version, 96);

SIZE(usher_audit_record, 136);
AT(usher_audit_record, size, 0);
AT(usher_audit_record, reserved, 4);
AT(usher_audit_record, actor, 8);
AT(usher_audit_record, action, 24);
AT(usher_audit_record, resource, 40);
AT(usher_audit_record, decision, 56);
AT(usher_audit_record, code, 72);
AT(usher_audit_record, detail, 88);
AT(usher_audit_record, address, 104);
AT(usher_audit_record, request_id, 120);

SIZE(usher_audit, 16);
AT(usher_audit, size, 0);
AT(usher_audit, reserved, 4);
AT(usher_audit, record, 8);

SIZE(usher_config_key, 72);
AT(usher_config_key, size, 0);
AT(usher_config_key, kind, 4);
AT(usher_config_key, name, 8);
AT(usher_config_key, default_value, 24);
AT(usher_config_key, description, 40);
AT(usher_config_key, minimum, 56);
AT(usher_config_key, maximum, 64);

SIZE(usher_config_schema, 24);
AT(usher_config_schema, size, 0);
AT(usher_config_schema, reserved, 4);
AT(usher_config_schema, keys, 8);
AT(usher_config_schema, key_count, 16);

SIZE(usher_db_turn, 24);
AT(usher_db_turn, size, 0);
AT(usher_db_turn, reserved, 4);
AT(usher_db_turn, acquire, 8);
AT(usher_db_turn, release, 16);

SIZE(usher_health, 16);
AT(usher_health, size, 0);
AT(usher_health, reserved, 4);
AT(usher_health, check, 8);

SIZE(usher_route, 72);
AT(usher_route, size, 0);
AT(usher_route, body_limit, 4);
AT(usher_route, method, 8);
AT(usher_route, path, 24);
AT(usher_route, action, 40);
AT(usher_route, resource_param, 56);

SIZE(usher_http_request, 96);
AT(usher_http_request, size, 0);
AT(usher_http_request, route, 4);
AT(usher_http_request, request, 8);
AT(usher_http_request, principal_id, 16);
AT(usher_http_request, principal_name, 32);
AT(usher_http_request, principal_role, 48);
AT(usher_http_request, params, 64);
AT(usher_http_request, param_count, 72);
AT(usher_http_request, query, 80);
AT(usher_http_request, query_count, 88);

SIZE(usher_http_response, 56);
AT(usher_http_response, size, 0);
AT(usher_http_response, status, 4);
AT(usher_http_response, content_type, 8);
AT(usher_http_response, body, 24);
AT(usher_http_response, headers, 40);
AT(usher_http_response, header_count, 48);

SIZE(usher_http_routes, 48);
AT(usher_http_routes, size, 0);
AT(usher_http_routes, reserved, 4);
AT(usher_http_routes, routes, 8);
AT(usher_http_routes, route_count, 16);
AT(usher_http_routes, handle, 24);
AT(usher_http_routes, openapi_paths, 32);

SIZE(usher_http_routes_host, 16);
AT(usher_http_routes_host, size, 0);
AT(usher_http_routes_host, reserved, 4);
AT(usher_http_routes_host, respond, 8);

SIZE(usher_metrics, 24);
AT(usher_metrics, size, 0);
AT(usher_metrics, reserved, 4);
AT(usher_metrics, add, 8);
AT(usher_metrics, set, 16);

SIZE(usher_reload, 16);
AT(usher_reload, size, 0);
AT(usher_reload, reserved, 4);
AT(usher_reload, reload, 8);

SIZE(usher_secrets, 16);
AT(usher_secrets, size, 0);
AT(usher_secrets, reserved, 4);
AT(usher_secrets, get, 8);

SIZE(usher_state_dir, 24);
AT(usher_state_dir, size, 0);
AT(usher_state_dir, reserved, 4);
AT(usher_state_dir, plugin_dir, 8);
AT(usher_state_dir, daemon_dir, 16);

SIZE(usher_thread_check, 16);
AT(usher_thread_check, size, 0);
AT(usher_thread_check, reserved, 4);
AT(usher_thread_check, current, 8);

SIZE(usher_timer_host, 24);
AT(usher_timer_host, size, 0);
AT(usher_timer_host, reserved, 4);
AT(usher_timer_host, start, 8);
AT(usher_timer_host, stop, 16);

SIZE(usher_timer, 16);
AT(usher_timer, size, 0);
AT(usher_timer, reserved, 4);
AT(usher_timer, on_timer, 8);
