/*
 * Callbacks that call back into the library, and callbacks that take their time: no deadlock, nothing lost; and a watch
 * that nobody reads costs no more memory than its bounds.
 */
#include <stdatomic.h>

#include "support.h"

enum { CHAINS = 64, CHAIN_LENGTH = 200, SLOW = 20, EVENTS = 20000, VALUE_BYTES = 4096 };

static atomic_int chains_left, slow_left;

static void next_link(const etcdkit_result *result) {
    CHECK(result->kind == 0, "kind %d", result->kind);
    if (result->tag == 0) {
        atomic_fetch_sub(&chains_left, 1);
        return;
    }
    /* A call that is refused completes within this very callback. */
    if (result->tag % 50 == 0) {
        outcome refused = call_raw(0, 999999, NULL, 0, 0);
        CHECK(refused.kind == ETCDKIT_KIND_UNIMPLEMENTED, "kind %d", refused.kind);
    }
    etcdkit_close(etcdkit_queue_open());
    uint64_t call = etcdkit_start(0, ETCDKIT_ECHO, NULL, 0, 0, next_link, result->tag - 1);
    CHECK(call, "refused");
    etcdkit_cancel(call + (1ull << 60));
}

static void take_time(const etcdkit_result *result) {
    (void)result;
    struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    atomic_fetch_sub(&slow_left, 1);
}

static void wait_for_zero(atomic_int *left, const char *what) {
    double until = seconds_now() + 10;
    while (atomic_load(left) > 0 && seconds_now() < until) {
        struct timespec moment = {0, 1000000};
        nanosleep(&moment, NULL);
    }
    CHECK(atomic_load(left) == 0, "%s: %d left after 10 s", what, atomic_load(left));
}

static long resident_kib(void) {
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file, "this test needs Linux");
    char line[256];
    long kib = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    }
    fclose(file);
    return kib;
}

/* The server keeps its history, and the client what its bound allows; the rest waits at the server. */
static void unread_watch(void) {
    uint64_t server = start_server(), writer = open_client(server), reader = open_client(server);
    uint64_t unread = watch(reader, "key");
    char value[VALUE_BYTES];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    long before = resident_kib();
    for (int event = 0; event < EVENTS; event++) put(writer, "other", value);
    long of_history = resident_kib() - before;
    before = resident_kib();
    for (int event = 0; event < EVENTS; event++) put(writer, "key", value);
    long with_watch = resident_kib() - before;
    printf("callbacks: %d events of %d bytes: %ld KiB unwatched, %ld KiB unread\n", EVENTS, VALUE_BYTES, of_history,
           with_watch);
    CHECK(with_watch < of_history + 64 * 1024, "an unread watch takes %ld KiB more", with_watch - of_history);
    /* Nothing was lost meanwhile. */
    int seen = 0;
    while (seen < EVENTS) {
        outcome batch = call(unread, ETCDKIT_STREAM_NEXT, (etcdkit_message){0});
        CHECK(batch.kind == 0, "kind %d: %s", batch.kind, batch.message);
        etcdkit_reader items = etcdkit_read(batch.data, batch.len);
        etcdkit_field item, event;
        while (etcdkit_next_field(&items, &item)) {
            if (item.id != 1) continue;
            etcdkit_reader events = etcdkit_read(item.data, item.len);
            while (etcdkit_next_field(&events, &event)) seen += event.id == 11;
        }
        forget(&batch);
    }
    CHECK(seen == EVENTS, "%d events", seen);
    etcdkit_close(writer);
    etcdkit_close(reader);
    must_end_clean(server);
}

int main(void) {
    atomic_store(&chains_left, CHAINS);
    for (int chain = 0; chain < CHAINS; chain++) etcdkit_start(0, ETCDKIT_ECHO, NULL, 0, 0, next_link, CHAIN_LENGTH);
    wait_for_zero(&chains_left, "calls from callbacks");
    atomic_store(&slow_left, SLOW);
    for (int call = 0; call < SLOW; call++) etcdkit_start(0, ETCDKIT_ECHO, NULL, 0, 0, take_time, 0);
    must_echo();
    wait_for_zero(&slow_left, "slow callbacks");
    must_end_clean(0);
    unread_watch();
    printf("callbacks: %d chains of %d calls from callbacks, %d slow callbacks, an unread watch\n", CHAINS, CHAIN_LENGTH,
           SLOW);
    return 0;
}
