/*
 * usher.thread-check/1, offered by the host: which of the header's thread tags holds for the calling thread.
 * For assertions in tests; a plugin's own threads are none of them.
 */
#ifndef USHER_EXT_THREAD_CHECK_H
#define USHER_EXT_THREAD_CHECK_H

#include "../auth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USHER_EXT_THREAD_CHECK "usher.thread-check/1"

#define USHER_THREAD_OTHER 0 /* a thread of the plugin's own, or another one of the host's */
#define USHER_THREAD_MAIN 1
#define USHER_THREAD_CHECK 2
#define USHER_THREAD_WORKER 3

typedef struct {
    uint32_t size, reserved;
    int32_t (*current)(const usher_host*); /* [any-thread] */
} usher_thread_check;

#ifdef __cplusplus
}
#endif

#endif
