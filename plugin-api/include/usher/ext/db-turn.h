/*
 * usher.db-turn/1, offered by the host when the shared database is SQLite: SQLite has one writer and its lock
 * is not fair. Every writer takes a first-come turn around BEGIN IMMEDIATE … COMMIT and holds it for at most
 * 20 ms. NULL on PostgreSQL.
 */
#ifndef USHER_EXT_DB_TURN_H
#define USHER_EXT_DB_TURN_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_DB_TURN "usher.db-turn/1"

typedef struct {
    uint32_t size, reserved;
    /* Waits until deadline_ns (CLOCK_MONOTONIC); USHER_TIMEOUT then. The calling thread holds the turn.
     * [any-thread] */
    usher_status (*acquire)(const usher_host*, uint64_t deadline_ns);
    /* By the thread that acquired. [any-thread] */
    void (*release)(const usher_host*);
} usher_db_turn;

#ifdef __cplusplus
}
#endif

#endif
