/*
 * Forks before the first use, with a client open, with a call and a watch in flight, and from a forked child: a child
 * works with what it opens itself, is told that its parent's handles are its parent's, and the parent notices nothing.
 *
 * Usage: fork [ROUNDS] [driving]
 *
 * With `driving` a thread of the parent runs its client.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static uint64_t server, client, unread, queue;

static void never(const etcdkit_result *result) { (void)result; }

static void child_must_work(int generations) {
    etcdkit_message get = {0};
    etcdkit_add_text(&get, 1, "key");
    if (client) {
        etcdkit_stats_t stats;
        etcdkit_stats(&stats);
        CHECK(stats.handles == 0 && stats.threads == 0, "a child starts with nothing");
        outcome forked = call_raw(client, ETCDKIT_KV_RANGE, get.data, get.len, 0);
        CHECK(forked.kind == ETCDKIT_KIND_FORKED, "kind %d: %s", forked.kind, forked.message);
        etcdkit_result result;
        CHECK(etcdkit_queue_next(queue, &result, 1, -1) == -1, "the queue is the parent's");
        CHECK(etcdkit_queue_start(queue, 0, ETCDKIT_ECHO, NULL, 0, 0, 0) == 0, "the queue is the parent's");
        etcdkit_close(client);
        etcdkit_close(unread);
        etcdkit_queue_close(queue);
    }
    uint64_t own_server = start_server(), own = open_client(own_server);
    put(own, "key", "child");
    must(own, ETCDKIT_KV_RANGE, get);
    if (generations > 1) {
        client = own;
        unread = queue = 0;
        pid_t grandchild = fork();
        if (grandchild == 0) {
            child_must_work(generations - 1);
            _exit(0);
        }
        int status = 1;
        CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0, "a grandchild ended with %d", status);
    }
    etcdkit_close(own);
    must_end_clean(own_server);
}

static void fork_once(int generations) {
    pid_t child = fork();
    CHECK(child >= 0, "cannot fork");
    if (child == 0) {
        alarm(PATIENCE_SECONDS);
        child_must_work(generations);
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "a child ended with %d", status);
}

int main(int argc, char **argv) {
    int driving = argc > 1 && strcmp(argv[argc - 1], "driving") == 0;
    argc -= driving;
    int rounds = argc > 1 ? atoi(argv[1]) : 20;
    fork_once(1);
    driver driver = {0};
    if (driving) start_driver(&driver);
    server = start_server();
    client = open_client(server);
    unread = watch(client, "key");
    queue = driving ? driver.queue : etcdkit_queue_open();
    put(client, "key", "before");
    for (int round = 0; round < rounds; round++) {
        /* In flight while the process forks: one that waits, and some that are being answered. */
        uint64_t waiting_call = etcdkit_start(unread, ETCDKIT_STREAM_NEXT, NULL, 0, 0, never, 0);
        for (int call = 0; call < 50; call++) etcdkit_start(0, ETCDKIT_ECHO, NULL, 0, 0, never, 0);
        fork_once(1 + round % 3);
        etcdkit_cancel(waiting_call);
        put(client, "key", "after");
    }
    etcdkit_close(client);
    if (!driving) etcdkit_queue_close(queue);
    must_end_with(server, driving ? 1 : 0);
    if (driving) end_driver(&driver);
    must_end_clean(0);
    printf("fork: %d rounds, children and grandchildren work, the parent notices nothing\n", rounds);
    return 0;
}
