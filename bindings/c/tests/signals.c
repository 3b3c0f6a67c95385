/*
 * Sees that loading and using the library leaves every signal as the host has set it: handlers, flags, masks.
 *
 * Usage: signals libetcdkit_ffi.so
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etcdkit.h"

enum { SIGNALS = 65 };

typedef struct dump {
    struct sigaction actions[SIGNALS];
    sigset_t blocked;
} dump;

static void host_handler(int number) { (void)number; }

static dump take(void) {
    dump now;
    memset(&now, 0, sizeof now);
    for (int number = 1; number < SIGNALS; number++) sigaction(number, NULL, &now.actions[number]);
    pthread_sigmask(SIG_BLOCK, NULL, &now.blocked);
    return now;
}

/* Whether two sets have the same members: what else their memory holds is the C library's. */
static int same_set(const sigset_t *one, const sigset_t *other) {
    for (int number = 1; number < SIGNALS; number++) {
        if (sigismember(one, number) != sigismember(other, number)) return 0;
    }
    return 1;
}

static int differences(const dump *before, const dump *after) {
    int count = !same_set(&before->blocked, &after->blocked);
    for (int number = 1; number < SIGNALS; number++) {
        const struct sigaction *was = &before->actions[number], *is = &after->actions[number];
        int same = was->sa_handler == is->sa_handler && was->sa_flags == is->sa_flags &&
                   same_set(&was->sa_mask, &is->sa_mask);
        if (!same) fprintf(stderr, "signal %d (%s) was changed\n", number, strsignal(number));
        count += !same;
    }
    return count;
}

#define LOAD(name) __typeof__(&name) load_##name = (__typeof__(&name))(uintptr_t)dlsym(library, #name)

int main(int argc, char **argv) {
    struct sigaction own = {.sa_handler = host_handler, .sa_flags = SA_ONSTACK | SA_RESTART};
    int owned[] = {SIGINT, SIGSEGV, SIGPROF, SIGTERM, SIGCHLD};
    for (size_t index = 0; index < sizeof owned / sizeof *owned; index++) sigaction(owned[index], &own, NULL);
    dump before = take();

    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "cannot load the library: %s\n", argc == 2 ? dlerror() : "usage: signals LIBRARY");
        return 1;
    }
    dump loaded = take();
    LOAD(etcdkit_queue_open);
    LOAD(etcdkit_queue_start);
    LOAD(etcdkit_queue_next);
    LOAD(etcdkit_queue_close);
    uint64_t queue = load_etcdkit_queue_open();
    etcdkit_result result;
    /* A server in memory, and a client's call on it. */
    load_etcdkit_queue_start(queue, 0, ETCDKIT_SERVER_START, NULL, 0, 0, 0);
    if (load_etcdkit_queue_next(queue, &result, 1, 60000) != 1 || result.kind) return 1;
    uint64_t server = result.handle;
    uint8_t config[16] = {15 << 3};
    size_t len = 1;
    for (uint64_t rest = server; rest; rest >>= 7) config[len++] = (uint8_t)(rest > 0x7f ? rest | 0x80 : rest);
    load_etcdkit_queue_start(queue, 0, ETCDKIT_CLIENT_OPEN, config, len, 0, 0);
    if (load_etcdkit_queue_next(queue, &result, 1, 60000) != 1 || result.kind) return 1;
    const uint8_t get[] = {1 << 3 | 2, 1, 'k'};
    load_etcdkit_queue_start(queue, result.handle, ETCDKIT_KV_RANGE, get, sizeof get, 0, 0);
    if (load_etcdkit_queue_next(queue, &result, 1, 60000) != 1 || result.kind) return 1;
    load_etcdkit_queue_start(queue, server, ETCDKIT_SERVER_STOP, NULL, 0, 0, 0);
    if (load_etcdkit_queue_next(queue, &result, 1, 60000) != 1 || result.kind) return 1;
    load_etcdkit_queue_close(queue);
    load_etcdkit_queue_next(queue, &result, 1, 0);
    dump used = take();
    int changed = differences(&before, &loaded) + differences(&before, &used);
    if (changed) return 1;

    /* Unloading must not pull the code away from under the library's threads. */
    dlclose(library);
    if (!dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD)) {
        fprintf(stderr, "the library can be unloaded\n");
        return 1;
    }
    puts("signals: 64 signals are as the host set them, the library stays loaded");
    return 0;
}
