/*
 * etcdkit: the etcd v3 client and an embedded server, for C and for languages that call C.
 *
 * One function starts everything: etcdkit_start takes the handle of an object, the number of a method
 * (etcdkit_methods.h) and a request encoded with protobuf (etcd's messages, and those of bridge.proto), and reports
 * exactly once. Retry, failover, resumed watches, kept-alive leases, locks and elections are the core's.
 *
 * Every function may be called from any thread, at any time. No function but etcdkit_queue_next waits. Handles are
 * numbers, never pointers: one that is closed, never was, or belongs to the parent process, is an error and no crash.
 * After a fork the child may use the library anew; the handles of its parent fail with ETCDKIT_KIND_FORKED. The library
 * installs no signal handlers and cannot be unloaded.
 */
#ifndef ETCDKIT_H
#define ETCDKIT_H

#include <stddef.h>
#include <stdint.h>

#include "etcdkit_methods.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The boundary that this header describes: etcdkit_abi_version() answers the same number, or the library is another. */
#define ETCDKIT_ABI_VERSION 1u

/* etcdkit_result.flags: the request was a write that may have been executed, although it failed. */
#define ETCDKIT_OUTCOME_UNKNOWN 1u

/* What became of a call. The pointers are good only as long as the function that hands it out says. */
typedef struct etcdkit_result {
    uint64_t tag;           /* what the caller gave to start the call */
    uint64_t handle;        /* the object that the method made, to be closed by etcdkit_close; else 0 */
    int32_t kind;           /* an etcdkit_kind; 0 is success */
    int32_t code;           /* the gRPC code that fits best; 0 is success */
    uint32_t flags;         /* ETCDKIT_OUTCOME_UNKNOWN */
    const uint8_t *data;    /* the encoded response; NULL when it is empty */
    size_t len;
    const uint8_t *message; /* the error's text in UTF-8, as the server or the core worded it, without a final 0 */
    size_t message_len;
} etcdkit_result;

/*
 * Takes a result. Runs on a thread of the library, or within etcdkit_start when the call is refused. The result and what
 * it points to are good until this returns. It may call every function of this header except etcdkit_queue_next, and
 * must return soon: until then one of the library's two threads serves nobody else.
 */
typedef void (*etcdkit_completion)(const etcdkit_result *result);

/* What is alive in this process, for tests that look for leaks. */
typedef struct etcdkit_stats_t {
    uint64_t handles; /* open objects */
    uint64_t calls;   /* calls in flight */
    uint64_t threads; /* threads of the client; an embedded server has its own */
} etcdkit_stats_t;

/* The number of the boundary that the library speaks. */
uint32_t etcdkit_abi_version(void);

/* The library's version, such as "0.1.0". */
const char *etcdkit_version(void);

/*
 * Starts a call on an object (0 where the method needs none) and reports to `done`, exactly once on every path: result,
 * error, cancel, close of the object, panic. The request is copied. Returns a number for etcdkit_cancel; 0 when the call
 * is refused, and then `done` has been called before this returns. Without a `done` nothing happens.
 *
 * timeout_ms: 0 is the client's request timeout (none for calls that wait for a lock, an election, an item or an end),
 * -1 is none.
 */
uint64_t etcdkit_start(uint64_t target, uint32_t method, const uint8_t *request, size_t len, int64_t timeout_ms,
                       etcdkit_completion done, uint64_t tag);

/*
 * Cancels a call, at the server too. It is reported with ETCDKIT_KIND_CANCELLED, unless it has been reported already. A
 * number that is no call in flight is ignored.
 */
void etcdkit_cancel(uint64_t call);

/*
 * Closes an object and all that was made from it: a client its streams and sessions, a session its locks and
 * leaderships. Calls on them are reported with ETCDKIT_KIND_CLOSED, locks are given back in the background, a server
 * stops in the background (SERVER_STOP waits for it). Closing again does nothing.
 */
void etcdkit_close(uint64_t handle);

/*
 * A queue gathers results for a thread of the caller's, for languages into which a callback from a foreign thread is
 * dear. Returns 0 when no more objects can be opened.
 */
uint64_t etcdkit_queue_open(void);

/*
 * A queue whose reader is also the thread that runs the client, which then has none of its own: a result is there where it
 * is read, and a call waits for one thread less to be woken. Connections, watches and the renewal of leases stand still
 * while nobody is in etcdkit_queue_next, so this is for a reader that does nothing but read, to the end of the process;
 * callbacks of etcdkit_start run on it too. SIGPIPE stays blocked in its thread.
 *
 * To be opened before anything else of the library is used: otherwise the client has its threads already, and this
 * is etcdkit_queue_open.
 */
uint64_t etcdkit_queue_open_driving(void);

/*
 * Like etcdkit_start, with the result put into the queue, also that of a refused call: its number is UINT64_MAX. Returns
 * 0 when no result will come, because the queue is closed or holds 2^20 results that nobody has read.
 */
uint64_t etcdkit_queue_start(uint64_t queue, uint64_t target, uint32_t method, const uint8_t *request, size_t len,
                             int64_t timeout_ms, uint64_t tag);

/*
 * Waits up to timeout_ms (-1: for ever, 0: not at all) for results, fills up to `max` and returns how many; 0 when the
 * time is over, -1 when the queue is closed. For one reader at a time, on any thread: what the results point to is good
 * until it asks again, also when the queue is closed meanwhile.
 */
int32_t etcdkit_queue_next(uint64_t queue, etcdkit_result *results, int32_t max, int64_t timeout_ms);

/*
 * Closes a queue: its reader is told -1, calls in flight go on and their results are dropped, with the objects they made.
 * A reader that has been given results must ask once more, or the memory of these results is never given back.
 */
void etcdkit_queue_close(uint64_t queue);

/* Tells what is alive. */
void etcdkit_stats(etcdkit_stats_t *out);

#ifdef __cplusplus
}
#endif

#endif
