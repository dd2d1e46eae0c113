#pragma once

#include "Host.h"

#include <usher/ext/db-turn.h>
#include <usher/ext/http-routes.h>
#include <usher/ext/metrics.h>
#include <usher/ext/secrets.h>
#include <usher/ext/state-dir.h>
#include <usher/ext/timer.h>

namespace usher::check {

/// The C functions that the plugin calls. They find their Host by the table's address.
struct HostFunctions {
    static usher_host table();
    static void add(const usher_host* table, Host* host);
    static void remove(const usher_host* table);

private:
    static Host* find(const usher_host* table);
    static usher_status complete(const usher_host*, usher_call, const usher_verdict*);
    static usher_status retain(const usher_host*, usher_call);
    static void release(const usher_host*, usher_call);
    static void log(const usher_host*, int32_t, usher_call, usher_str, const usher_field*, size_t);
    static const void* getExtension(const usher_host*, const char*);
    static usher_status secret(const usher_host*, usher_str, char*, size_t, size_t*);
    static usher_status acquireTurn(const usher_host*, uint64_t);
    static void releaseTurn(const usher_host*);
    static usher_str stateDir(const usher_host*);
    static usher_status audit(const usher_host*, const usher_audit_record*);
    static usher_status metric(const usher_host*, usher_str, double, const usher_field*, size_t);
    static usher_status startTimer(const usher_host*, uint32_t, usher_timer_id*);
    static void stopTimer(const usher_host*, usher_timer_id);
    static usher_status respond(const usher_host*, usher_call, const usher_http_response*);
};

} // namespace usher::check
