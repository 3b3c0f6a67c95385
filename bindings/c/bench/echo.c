/*
 * What one call costs that does nothing: by callback and by queue, one at a time and many in flight; with `driving` by a
 * queue whose reader runs the client.
 *
 * Usage: echo [CALLS [ROUNDS]] [driving]
 */
#include <stdatomic.h>

#include "../tests/support.h"

enum { IN_FLIGHT = 64, PAYLOAD_BYTES = 64, ROUNDS_MAX = 99 };

static const uint8_t payload[PAYLOAD_BYTES];
static uint64_t wanted;
static atomic_ullong started, completed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* One at a time, the thread that asks waits: the way there and back, with two threads waking each other. */
static void callback_alone(void) {
    for (uint64_t index = 0; index < wanted; index++) must_echo();
}

static void start_next(const etcdkit_result *result) {
    (void)result;
    if (atomic_fetch_add(&completed, 1) + 1 == wanted) {
        pthread_mutex_lock(&lock);
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    } else if (atomic_fetch_add(&started, 1) < wanted) {
        etcdkit_start(0, ETCDKIT_ECHO, payload, sizeof payload, 0, start_next, 0);
    }
}

/* Many in flight, each callback starts the next call: the boundary alone, without a thread of the caller's. */
static void callback_many(void) {
    atomic_store(&completed, 0);
    atomic_store(&started, IN_FLIGHT);
    for (int index = 0; index < IN_FLIGHT; index++) {
        etcdkit_start(0, ETCDKIT_ECHO, payload, sizeof payload, 0, start_next, 0);
    }
    pthread_mutex_lock(&lock);
    while (atomic_load(&completed) < wanted) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void queue_with(uint64_t queue, uint64_t in_flight) {
    etcdkit_result results[IN_FLIGHT];
    uint64_t begun = 0, ended = 0;
    while (ended < wanted) {
        for (; begun < wanted && begun - ended < in_flight; begun++) {
            etcdkit_queue_start(queue, 0, ETCDKIT_ECHO, payload, sizeof payload, 0, begun);
        }
        ended += (uint64_t)etcdkit_queue_next(queue, results, IN_FLIGHT, -1);
    }
    etcdkit_queue_close(queue);
    etcdkit_queue_next(queue, results, 1, 0);
}

static void queue_alone(void) { queue_with(etcdkit_queue_open(), 1); }
static void queue_many(void) { queue_with(etcdkit_queue_open(), IN_FLIGHT); }
static void driving_alone(void) { queue_with(etcdkit_queue_open_driving(), 1); }
static void driving_many(void) { queue_with(etcdkit_queue_open_driving(), IN_FLIGHT); }

static int ascending(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static void measure(const char *name, void (*run)(void), int rounds) {
    double nanoseconds[ROUNDS_MAX];
    run();
    for (int round = 0; round < rounds; round++) {
        double begin = seconds_now();
        run();
        nanoseconds[round] = (seconds_now() - begin) * 1e9 / (double)wanted;
    }
    qsort(nanoseconds, (size_t)rounds, sizeof *nanoseconds, ascending);
    printf("| C | %s | %.0f |\n", name, nanoseconds[rounds / 2]);
}

int main(int argc, char **argv) {
    int driving = argc > 1 && strcmp(argv[argc - 1], "driving") == 0;
    argc -= driving;
    wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    int rounds = argc > 2 ? atoi(argv[2]) : 5;
    CHECK(wanted >= IN_FLIGHT && rounds > 0 && rounds <= ROUNDS_MAX, "usage: echo [CALLS [ROUNDS]] [driving]");
    if (driving) {
        measure("driving queue, one at a time", driving_alone, rounds);
        measure("driving queue, 64 in flight", driving_many, rounds);
    } else {
        measure("callback, one at a time", callback_alone, rounds);
        measure("queue, one at a time", queue_alone, rounds);
        measure("callback, 64 in flight", callback_many, rounds);
        measure("queue, 64 in flight", queue_many, rounds);
    }
    must_end_clean(0);
    return 0;
}
