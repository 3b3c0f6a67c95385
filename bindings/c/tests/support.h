/* What the tests share: a call that waits for its result, and a check that says what failed. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "etcdkit.h"
#include "etcdkit_message.h"

#define CHECK(condition, ...)                                                                                         \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                           \
            fprintf(stderr, __VA_ARGS__);                                                                             \
            fputc('\n', stderr);                                                                                      \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

/* Longer than anything takes that works. */
#define PATIENCE_SECONDS 60

/* A result that is the test's own. */
typedef struct outcome {
    uint64_t handle;
    int32_t kind;
    char message[256];
    uint8_t *data;
    size_t len;
} outcome;

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done;
    outcome outcome;
} waiting;

static inline struct timespec in_seconds(int seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += seconds;
    return now;
}

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline outcome copy_of(const etcdkit_result *result) {
    outcome copy = {.handle = result->handle, .kind = result->kind};
    size_t text = result->message_len < sizeof copy.message - 1 ? result->message_len : sizeof copy.message - 1;
    if (text > 0) memcpy(copy.message, result->message, text);
    if (result->len > 0) {
        copy.data = malloc(result->len);
        CHECK(copy.data, "out of memory");
        memcpy(copy.data, result->data, result->len);
        copy.len = result->len;
    }
    return copy;
}

static inline void wake(const etcdkit_result *result) {
    waiting *caller = (waiting *)(uintptr_t)result->tag;
    outcome copy = copy_of(result);
    pthread_mutex_lock(&caller->lock);
    caller->outcome = copy;
    caller->done++;
    pthread_cond_signal(&caller->changed);
    pthread_mutex_unlock(&caller->lock);
}

/* Starts a call and waits for its result, whatever it is. */
static inline outcome call_raw(uint64_t target, uint32_t method, const uint8_t *request, size_t len,
                               int64_t timeout_ms) {
    waiting caller = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    etcdkit_start(target, method, request, len, timeout_ms, wake, (uint64_t)(uintptr_t)&caller);
    struct timespec deadline = in_seconds(PATIENCE_SECONDS);
    pthread_mutex_lock(&caller.lock);
    while (!caller.done) {
        CHECK(pthread_cond_timedwait(&caller.changed, &caller.lock, &deadline) == 0, "method %u hangs", method);
    }
    CHECK(caller.done == 1, "method %u completed %d times", method, caller.done);
    pthread_mutex_unlock(&caller.lock);
    return caller.outcome;
}

/* The same with a message, which is freed. */
static inline outcome call(uint64_t target, uint32_t method, etcdkit_message request) {
    CHECK(!request.failed, "out of memory");
    outcome result = call_raw(target, method, request.data, request.len, 0);
    etcdkit_free_message(&request);
    return result;
}

static inline void forget(outcome *result) {
    free(result->data);
    result->data = NULL;
}

/* A call that must succeed and whose response does not matter: the handle it made. */
static inline uint64_t must(uint64_t target, uint32_t method, etcdkit_message request) {
    outcome result = call(target, method, request);
    CHECK(result.kind == 0, "method %u: kind %d: %s", method, result.kind, result.message);
    forget(&result);
    return result.handle;
}

/* A server in memory that listens nowhere. */
static inline uint64_t start_server(void) {
    etcdkit_message config = {0};
    etcdkit_add_number(&config, 5, 1);
    return must(0, ETCDKIT_SERVER_START, config);
}

/* A client of that server. */
static inline uint64_t open_client(uint64_t server) {
    etcdkit_message config = {0};
    etcdkit_add_number(&config, 15, server);
    return must(0, ETCDKIT_CLIENT_OPEN, config);
}

static inline void put(uint64_t client, const char *key, const char *value) {
    etcdkit_message request = {0};
    etcdkit_add_text(&request, 1, key);
    etcdkit_add_text(&request, 2, value);
    must(client, ETCDKIT_KV_PUT, request);
}

static inline uint64_t watch(uint64_t client, const char *key) {
    etcdkit_message create = {0}, options = {0};
    etcdkit_add_text(&create, 1, key);
    etcdkit_add_message(&options, 1, &create);
    etcdkit_free_message(&create);
    return must(client, ETCDKIT_WATCH_OPEN, options);
}

static inline void must_echo(void) {
    static const uint8_t text[] = "still here";
    outcome result = call_raw(0, ETCDKIT_ECHO, text, sizeof text, 0);
    CHECK(result.kind == 0 && result.len == sizeof text && memcmp(result.data, text, sizeof text) == 0,
          "echo: kind %d: %s", result.kind, result.message);
    forget(&result);
}

/* Stops the server, closes it, and sees that so many handles are left open. */
static inline void must_end_with(uint64_t server, uint64_t handles) {
    if (server) {
        must(server, ETCDKIT_SERVER_STOP, (etcdkit_message){0});
        etcdkit_close(server);
    }
    double until = seconds_now() + PATIENCE_SECONDS;
    etcdkit_stats_t left;
    do {
        etcdkit_stats(&left);
    } while ((left.handles != handles || left.calls) && seconds_now() < until);
    CHECK(left.handles == handles && left.calls == 0, "%" PRIu64 " handles and %" PRIu64 " calls are left",
          left.handles, left.calls);
}

static inline void must_end_clean(uint64_t server) { must_end_with(server, 0); }

/* A thread that runs the client. */
typedef struct driver {
    uint64_t queue;
    pthread_t thread;
} driver;

static inline void *drive(void *queue) {
    etcdkit_result result;
    while (etcdkit_queue_next(*(uint64_t *)queue, &result, 1, -1) >= 0) {}
    return NULL;
}

static inline void start_driver(driver *driver) {
    driver->queue = etcdkit_queue_open_driving();
    CHECK(pthread_create(&driver->thread, NULL, drive, &driver->queue) == 0, "no thread");
}

static inline void end_driver(driver *driver) {
    etcdkit_queue_close(driver->queue);
    pthread_join(driver->thread, NULL);
}

#endif
