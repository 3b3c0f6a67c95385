/*
 * Random calls from many threads, right and wrong ones: forged and closed handles, null and huge requests, cancel and
 * close at any moment, also from within a callback. Every call must complete exactly once, a wrong one with an error,
 * and nothing may be left. Built with AddressSanitizer and LeakSanitizer, which see every allocation of the library.
 *
 * Usage: stress [CALLS [SEED]] [driving]
 *
 * With `driving` a thread of this program runs the client.
 */
#include <stdatomic.h>

#include "support.h"

enum { THREADS = 8, SHARED_MAX = 64 };

/* How a call must end. */
enum expected { ANYTHING, SUCCESS, FAILURE };

typedef struct record {
    atomic_uchar completions;
    unsigned char expected;
} record;

static record *records;
static atomic_ullong next_record, completed, wrong;
static uint64_t calls_wanted, server;
/* Handles and calls that threads pass to each other, so that one closes what another uses. */
static atomic_ullong handles[SHARED_MAX], ids[SHARED_MAX];

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void done(const etcdkit_result *result) {
    record *mine = &records[result->tag];
    if (atomic_fetch_add(&mine->completions, 1) != 0) atomic_fetch_add(&wrong, 1);
    int failed = result->kind != 0;
    if ((mine->expected == SUCCESS && failed) || (mine->expected == FAILURE && !failed)) {
        fprintf(stderr, "call %" PRIu64 " ended with kind %d: %.*s\n", result->tag, result->kind,
                (int)result->message_len, result->message ? (const char *)result->message : "");
        atomic_fetch_add(&wrong, 1);
    }
    if (result->handle) {
        uint64_t older = atomic_exchange(&handles[result->handle % SHARED_MAX], result->handle);
        etcdkit_close(older);
    }
    if (result->tag % 5 == 0) etcdkit_cancel(atomic_load(&ids[result->tag % SHARED_MAX]));
    if (result->tag % 97 == 0) etcdkit_close(atomic_load(&handles[result->tag % SHARED_MAX]));
    atomic_fetch_add(&completed, 1);
}

/* The number of the next call; the array's end when enough were made. */
static uint64_t record_call(enum expected expected) {
    uint64_t tag = atomic_fetch_add(&next_record, 1);
    if (tag < calls_wanted) records[tag].expected = (unsigned char)expected;
    return tag;
}

/* A request that is one message, or none for a method that takes none. */
static etcdkit_message request_of(uint32_t method, uint64_t random) {
    etcdkit_message request = {0}, inner = {0};
    switch (method) {
    case ETCDKIT_CLIENT_OPEN:
        if (random % 3) etcdkit_add_number(&request, 15, server);
        else etcdkit_add_text(&request, 1, "127.0.0.1:1");
        break;
    case ETCDKIT_WATCH_OPEN:
        etcdkit_add_text(&inner, 1, "key");
        etcdkit_add_message(&request, 1, &inner);
        etcdkit_free_message(&inner);
        break;
    case ETCDKIT_KV_PUT:
        etcdkit_add_text(&request, 1, "key");
        etcdkit_add_number(&inner, 1, random);
        etcdkit_add_message(&request, 2, &inner);
        etcdkit_free_message(&inner);
        break;
    case ETCDKIT_KV_RANGE: etcdkit_add_text(&request, 1, "key"); break;
    case ETCDKIT_MUTEX_LOCK: etcdkit_add_text(&request, 1, "lock"); break;
    default: break;
    }
    return request;
}

/* One call that must fail, whatever else happens. */
static void start_wrong(uint64_t random) {
    static const uint8_t some[16] = {0xff, 0xff};
    uint64_t tag = record_call(FAILURE);
    if (tag >= calls_wanted) return;
    uint64_t forged = random | 1ull << 63;
    switch (random % 6) {
    case 0: etcdkit_start(forged, ETCDKIT_KV_RANGE, some, 0, 0, done, tag); break;
    case 1: etcdkit_start(0, ETCDKIT_ECHO, NULL, 1 + (size_t)(random % 4096), 0, done, tag); break;
    case 2: etcdkit_start(0, ETCDKIT_ECHO, some, SIZE_MAX - (size_t)(random % 4096), 0, done, tag); break;
    case 3: etcdkit_start(0, 1000000 + (uint32_t)(random % 1000), some, sizeof some, 0, done, tag); break;
    case 4: etcdkit_start(server, ETCDKIT_STREAM_NEXT, some, 0, 0, done, tag); break;
    default: etcdkit_start(0, ETCDKIT_CLIENT_OPEN, some, sizeof some, 0, done, tag); break;
    }
}

/* One call that may end in any way: on whatever object another thread left. */
static void start_any(uint64_t random) {
    static const uint32_t methods[] = {
        ETCDKIT_CLIENT_OPEN,    ETCDKIT_CLIENT_OPEN,  ETCDKIT_KV_PUT,     ETCDKIT_KV_RANGE,
        ETCDKIT_KV_RANGE,       ETCDKIT_WATCH_OPEN,   ETCDKIT_STREAM_NEXT, ETCDKIT_STREAM_NEXT,
        ETCDKIT_WATCH_PROGRESS, ETCDKIT_SESSION_OPEN, ETCDKIT_MUTEX_LOCK, ETCDKIT_MUTEX_UNLOCK,
        ETCDKIT_SESSION_CLOSE,  ETCDKIT_MUTEX_LOST,   ETCDKIT_CLIENT_ENDPOINTS,
    };
    uint64_t tag = record_call(ANYTHING);
    if (tag >= calls_wanted) return;
    uint32_t method = methods[random % (sizeof methods / sizeof *methods)];
    uint64_t target = method == ETCDKIT_CLIENT_OPEN ? 0 : atomic_load(&handles[random / 64 % SHARED_MAX]);
    etcdkit_message request = request_of(method, random);
    uint64_t id = etcdkit_start(target, method, request.data, request.len, 1 + (int64_t)(random % 200), done, tag);
    etcdkit_free_message(&request);
    atomic_store(&ids[random % SHARED_MAX], id);
}

static void start_echo(uint64_t random) {
    static const uint8_t payload[4096] = {1, 2, 3};
    uint64_t tag = record_call(random % 8 ? SUCCESS : ANYTHING);
    if (tag >= calls_wanted) return;
    uint64_t id = etcdkit_start(0, ETCDKIT_ECHO, payload, (size_t)(random % sizeof payload), 0, done, tag);
    if (random % 8 == 0) etcdkit_cancel(id);
}

/* A queue with a few results of which some are never read. */
static void use_queue(uint64_t random) {
    etcdkit_result results[4];
    uint64_t queue = etcdkit_queue_open();
    uint64_t expected = random % 6;
    for (uint64_t call = 0; call < expected; call++) {
        static const uint8_t text[] = "queue";
        CHECK(etcdkit_queue_start(queue, random % 4 ? 0 : random, ETCDKIT_ECHO, text, sizeof text, 0, call), "queue");
    }
    if (random % 3 == 0) etcdkit_queue_close(queue);
    int32_t count = etcdkit_queue_next(queue, results, 4, expected ? 10000 : 0);
    for (int32_t index = 0; index < count; index++) {
        /* Reads every byte, for the sanitizer to see. */
        volatile uint8_t sum = 0;
        for (size_t at = 0; at < results[index].len; at++) sum += results[index].data[at];
        for (size_t at = 0; at < results[index].message_len; at++) sum += results[index].message[at];
    }
    etcdkit_queue_close(queue);
    for (int32_t index = 0; index < count; index++) {
        volatile uint8_t last = results[index].len ? results[index].data[results[index].len - 1] : 0;
        (void)last;
    }
    CHECK(etcdkit_queue_next(queue, results, 4, 0) == -1, "a closed queue says so");
    CHECK(etcdkit_queue_start(queue, 0, ETCDKIT_ECHO, NULL, 0, 0, 0) == 0, "a closed queue takes nothing");
}

static void *hammer(void *seed) {
    uint64_t state = *(uint64_t *)seed;
    while (atomic_load(&next_record) < calls_wanted) {
        uint64_t random = next_random(&state);
        switch (random >> 60) {
        case 0: case 1: start_wrong(random); break;
        case 2: case 3: case 4: case 5: start_any(random); break;
        case 6:
            etcdkit_close(atomic_load(&handles[random % SHARED_MAX]));
            etcdkit_close(atomic_load(&handles[random % SHARED_MAX]));
            etcdkit_close(random | 1ull << 63);
            break;
        case 7:
            etcdkit_cancel(atomic_load(&ids[random % SHARED_MAX]));
            etcdkit_cancel(random);
            break;
        case 8: if (random % 16 == 0) use_queue(random >> 8); break;
        default: start_echo(random); break;
        }
        /* No more in flight than the library's bound; waiting for some is not a sleep in place of a condition. */
        while (atomic_load(&next_record) > atomic_load(&completed) + 100000) {
            struct timespec moment = {0, 1000000};
            nanosleep(&moment, NULL);
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    int driving = argc > 1 && strcmp(argv[argc - 1], "driving") == 0;
    argc -= driving;
    calls_wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) * 2654435761u | 1;
    printf("stress: %" PRIu64 " calls, seed %" PRIu64 "\n", calls_wanted, seed);
    fflush(stdout);
    records = calloc(calls_wanted, sizeof *records);
    CHECK(records, "out of memory");
    driver driver = {0};
    if (driving) start_driver(&driver);
    server = start_server();

    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    for (int thread = 0; thread < THREADS; thread++) {
        seeds[thread] = seed * 0x9e3779b97f4a7c15ull + (uint64_t)thread + 1;
        CHECK(pthread_create(&threads[thread], NULL, hammer, &seeds[thread]) == 0, "no thread");
    }
    for (int thread = 0; thread < THREADS; thread++) pthread_join(threads[thread], NULL);
    double until = seconds_now() + PATIENCE_SECONDS;
    while (atomic_load(&completed) < calls_wanted && seconds_now() < until) {
        /* What still waits belongs to an object that nobody closed. */
        for (int shared = 0; shared < SHARED_MAX; shared++) etcdkit_close(atomic_load(&handles[shared]));
        struct timespec moment = {0, 10000000};
        nanosleep(&moment, NULL);
    }
    for (int shared = 0; shared < SHARED_MAX; shared++) etcdkit_close(atomic_load(&handles[shared]));
    uint64_t missing = 0;
    for (uint64_t call = 0; call < calls_wanted; call++) missing += atomic_load(&records[call].completions) == 0;
    CHECK(missing == 0, "%" PRIu64 " calls never completed (seed %" PRIu64 ")", missing, seed);
    CHECK(atomic_load(&wrong) == 0, "%llu calls ended wrongly (seed %" PRIu64 ")", (unsigned long long)wrong, seed);
    must_echo();
    must_end_with(server, driving ? 1 : 0);
    if (driving) end_driver(&driver);
    must_end_clean(0);
    free(records);
    puts("stress: every call completed once, nothing is left");
    return 0;
}
