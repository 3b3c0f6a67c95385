/*
 * Opens and closes many clients and watches, over sockets and without, and sees that memory, descriptors and threads
 * come back.
 *
 * Usage: open_close [CLIENTS [WATCHES]]
 */
#include <dirent.h>
#include <unistd.h>

#include "support.h"

/* What allocators keep for later, and no more. */
enum { GROWTH_BYTES_MAX = 5 << 20, SOCKET_EVERY = 50, WARM_UP = 1000 };

typedef struct usage {
    long bytes, descriptors, threads;
} usage;

static long entries(const char *folder) {
    DIR *open = opendir(folder);
    CHECK(open, "cannot read %s", folder);
    long count = 0;
    while (readdir(open)) count++;
    closedir(open);
    return count;
}

static usage measure(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file, "this test needs Linux");
    long total = 0, resident = 0;
    CHECK(fscanf(file, "%ld %ld", &total, &resident) == 2, "statm");
    fclose(file);
    return (usage){resident * sysconf(_SC_PAGESIZE), entries("/proc/self/fd"), entries("/proc/self/task")};
}

static void open_and_close(uint64_t server, const char *endpoint, long clients, long watches) {
    for (long index = 0; index < clients; index++) {
        etcdkit_message config = {0}, get = {0};
        if (index % SOCKET_EVERY == 0) etcdkit_add_text(&config, 1, endpoint);
        else etcdkit_add_number(&config, 15, server);
        uint64_t client = must(0, ETCDKIT_CLIENT_OPEN, config);
        etcdkit_add_text(&get, 1, "key");
        must(client, ETCDKIT_KV_RANGE, get);
        etcdkit_close(client);
    }
    uint64_t client = open_client(server);
    for (long index = 0; index < watches; index++) {
        uint64_t changes = watch(client, "key");
        /* Seldom: what is written stays in the history of the server, which is in this process. */
        if (index % 200 == 0) {
            put(client, "key", "value");
            must(changes, ETCDKIT_STREAM_NEXT, (etcdkit_message){0});
        }
        etcdkit_close(changes);
    }
    etcdkit_close(client);
}

/* Descriptors and threads go when their connections do, which is soon and not at once. */
static usage settled(usage before) {
    double until = seconds_now() + PATIENCE_SECONDS;
    usage now = measure();
    while ((now.descriptors > before.descriptors || now.threads > before.threads) && seconds_now() < until) {
        struct timespec moment = {0, 10000000};
        nanosleep(&moment, NULL);
        now = measure();
    }
    return now;
}

int main(int argc, char **argv) {
    long clients = argc > 1 ? atol(argv[1]) : 20000, watches = argc > 2 ? atol(argv[2]) : 2000;
    outcome started = call(0, ETCDKIT_SERVER_START, (etcdkit_message){0});
    CHECK(started.kind == 0, "no server: %s", started.message);
    etcdkit_field field;
    CHECK(etcdkit_find_field(started.data, started.len, 1, &field), "the server has no endpoint");
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "%.*s", (int)field.len, (const char *)field.data);
    forget(&started);

    usage cold = measure();
    open_and_close(started.handle, endpoint, WARM_UP, WARM_UP);
    usage before = settled(cold);
    open_and_close(started.handle, endpoint, clients, watches);
    usage after = settled(before);
    printf("open_close: %ld clients, %ld watches: memory %+ld KiB, descriptors %+ld, threads %+ld\n", clients, watches,
           (after.bytes - before.bytes) / 1024, after.descriptors - before.descriptors,
           after.threads - before.threads);
    CHECK(after.bytes - before.bytes <= GROWTH_BYTES_MAX, "memory grows");
    CHECK(after.descriptors <= before.descriptors, "descriptors stay open");
    CHECK(after.threads <= before.threads, "threads stay");
    must_end_clean(started.handle);
    return 0;
}
