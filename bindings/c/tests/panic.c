/*
 * Makes every function of the header panic once, and a call too: the host lives, gets a defined answer, and everything
 * else goes on. Needs a library built with the feature `panic-injection`.
 *
 * Usage: panic etcdkit.h
 */
#include <ctype.h>

#include "support.h"

void etcdkit_test_panic_next(void);

static void panic_abi_version(void) { CHECK(etcdkit_abi_version() == 0, "a panic is answered with 0"); }
static void panic_version(void) { CHECK(etcdkit_version()[0] == 0, "a panic is answered with an empty text"); }
static void panic_cancel(void) { etcdkit_cancel(1); }
static void panic_close(void) { etcdkit_close(1); }
static void panic_queue_open(void) { CHECK(etcdkit_queue_open() == 0, "a panic is answered with 0"); }

static void panic_queue_open_driving(void) {
    CHECK(etcdkit_queue_open_driving() == 0, "a panic is answered with 0");
}

static void panic_queue_close(void) { etcdkit_queue_close(1); }

static void panic_start(void) {
    outcome result = call_raw(0, ETCDKIT_ECHO, NULL, 0, 0);
    CHECK(result.kind == ETCDKIT_KIND_INTERNAL, "kind %d: %s", result.kind, result.message);
}

static void panic_queue_start(void) {
    CHECK(etcdkit_queue_start(1, 0, ETCDKIT_ECHO, NULL, 0, 0, 0) == 0, "a panic is answered with 0");
}

static void panic_queue_next(void) {
    etcdkit_result result;
    CHECK(etcdkit_queue_next(1, &result, 1, 0) == -1, "a panic is answered with -1");
}

static void panic_stats(void) {
    etcdkit_stats_t stats = {1, 2, 3};
    etcdkit_stats(&stats);
    CHECK(stats.handles == 1 && stats.threads == 3, "a panic leaves the statistics alone");
}

static const struct {
    const char *name;
    void (*call)(void);
} exports[] = {
    {"etcdkit_abi_version", panic_abi_version}, {"etcdkit_version", panic_version},
    {"etcdkit_start", panic_start},             {"etcdkit_cancel", panic_cancel},
    {"etcdkit_close", panic_close},             {"etcdkit_queue_open", panic_queue_open},
    {"etcdkit_queue_start", panic_queue_start}, {"etcdkit_queue_next", panic_queue_next},
    {"etcdkit_queue_close", panic_queue_close}, {"etcdkit_stats", panic_stats},
    {"etcdkit_queue_open_driving", panic_queue_open_driving},
};
enum { EXPORTS = sizeof exports / sizeof *exports };

/* Every function that the header declares is in the table above. */
static int declared(const char *header) {
    FILE *file = fopen(header, "r");
    CHECK(file, "cannot read %s", header);
    char line[512];
    int count = 0, comment = 0;
    while (fgets(line, sizeof line, file)) {
        int within = comment || strncmp(line, "/*", 2) == 0;
        if (within) {
            comment = strstr(line, "*/") == NULL;
            continue;
        }
        /* A declaration starts at the beginning of a line and has the name before the first bracket. */
        char *bracket = strchr(line, '('), *name = strstr(line, "etcdkit_");
        if (!isalpha((unsigned char)line[0]) || strncmp(line, "typedef", 7) == 0 || !bracket || !name) continue;
        *bracket = 0;
        name = strrchr(line, ' ') + 1;
        while (*name == '*') name++;
        int known = 0;
        for (int index = 0; index < EXPORTS; index++) known += strcmp(exports[index].name, name) == 0;
        CHECK(known == 1, "%s is declared in the header and not tested here", name);
        count++;
    }
    fclose(file);
    return count;
}

int main(int argc, char **argv) {
    CHECK(argc == 2, "usage: panic etcdkit.h");
    int count = declared(argv[1]);
    CHECK(count == EXPORTS, "the header declares %d functions, %d are tested", count, EXPORTS);
    uint64_t server = start_server(), client = open_client(server), changes = watch(client, "key");
    for (int index = 0; index < EXPORTS; index++) {
        etcdkit_test_panic_next();
        exports[index].call();
        must_echo();
        put(client, "key", exports[index].name);
        must(changes, ETCDKIT_STREAM_NEXT, (etcdkit_message){0});
    }
    outcome result = call_raw(0, ETCDKIT_PANIC, NULL, 0, 0);
    CHECK(result.kind == ETCDKIT_KIND_INTERNAL && strstr(result.message, "on demand"), "kind %d: %s", result.kind,
          result.message);
    put(client, "key", "after");
    etcdkit_close(client);
    must_end_clean(server);
    printf("panic: %d functions and a call panicked, the host lives\n", EXPORTS);
    return 0;
}
