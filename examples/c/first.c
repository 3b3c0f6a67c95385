/*
 * A first program: an embedded server, a client, a put, a get, and a watch that sees the next put.
 *
 *     cc first.c $(pkg-config --cflags --libs etcdkit) && ./a.out
 */
#include <etcdkit.h>
#include <etcdkit_message.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Results come to this queue; the program waits for one at a time. */
static uint64_t queue;

/* Makes a call and waits for its result, which is good until the next call. The request is used up. */
static etcdkit_result call(uint64_t target, uint32_t method, etcdkit_message request) {
    etcdkit_result result;
    etcdkit_queue_start(queue, target, method, request.data, request.len, 0, 0);
    etcdkit_free_message(&request);
    if (etcdkit_queue_next(queue, &result, 1, -1) != 1) {
        fputs("the queue is closed\n", stderr);
        exit(1);
    }
    if (result.kind != ETCDKIT_KIND_OK) {
        fprintf(stderr, "%.*s (kind %d, gRPC code %d)\n", (int)result.message_len, (const char *)result.message,
                result.kind, result.code);
        exit(1);
    }
    return result;
}

/* A message with one field of bytes; many requests need no more. */
static etcdkit_message with_text(uint32_t field, const char *text) {
    etcdkit_message message = {0};
    etcdkit_add_text(&message, field, text);
    return message;
}

static void put(uint64_t client, const char *key, const char *value) {
    etcdkit_message request = with_text(1, key);
    etcdkit_add_text(&request, 2, value);
    call(client, ETCDKIT_KV_PUT, request);
}

/* Prints the key-value pair of mvccpb.KeyValue: key = 1, mod_revision = 3, value = 5. */
static void print_pair(const char *what, etcdkit_field pair) {
    etcdkit_field key = {0}, value = {0}, revision = {0};
    etcdkit_find_field(pair.data, pair.len, 1, &key);
    etcdkit_find_field(pair.data, pair.len, 3, &revision);
    etcdkit_find_field(pair.data, pair.len, 5, &value);
    printf("%s: %.*s = %.*s at revision %" PRIu64 "\n", what, (int)key.len, (const char *)key.data, (int)value.len,
           (const char *)value.data, revision.number);
}

/* Prints the pairs of the events: StreamBatch.items = 1, WatchResponse.events = 11, Event.kv = 2. */
static void print_events(etcdkit_result batch) {
    etcdkit_reader items = etcdkit_read(batch.data, batch.len);
    etcdkit_field item, event, pair;
    while (etcdkit_next_field(&items, &item)) {
        if (item.id != 1) continue;
        etcdkit_reader events = etcdkit_read(item.data, item.len);
        while (etcdkit_next_field(&events, &event)) {
            if (event.id == 11 && etcdkit_find_field(event.data, event.len, 2, &pair)) print_pair("watch", pair);
        }
    }
}

int main(void) {
    printf("etcdkit %s\n", etcdkit_version());
    queue = etcdkit_queue_open();

    /* A server in memory on a free port, and a client of it: ServerStarted.endpoint = 1, ClientConfig.endpoints = 1. */
    etcdkit_result started = call(0, ETCDKIT_SERVER_START, (etcdkit_message){0});
    uint64_t server = started.handle;
    etcdkit_field endpoint = {0};
    etcdkit_find_field(started.data, started.len, 1, &endpoint);
    etcdkit_message config = {0};
    etcdkit_add_bytes(&config, 1, endpoint.data, endpoint.len);
    uint64_t client = call(0, ETCDKIT_CLIENT_OPEN, config).handle;

    put(client, "greeting", "hello");
    etcdkit_result answer = call(client, ETCDKIT_KV_RANGE, with_text(1, "greeting"));
    etcdkit_field pair;
    if (etcdkit_find_field(answer.data, answer.len, 2, &pair)) print_pair("get", pair);

    /* WatchOptions.create = 1, WatchCreateRequest.key = 1. */
    etcdkit_message create = with_text(1, "greeting"), options = {0};
    etcdkit_add_message(&options, 1, &create);
    etcdkit_free_message(&create);
    uint64_t watch = call(client, ETCDKIT_WATCH_OPEN, options).handle;
    put(client, "greeting", "hello again");
    print_events(call(watch, ETCDKIT_STREAM_NEXT, (etcdkit_message){0}));

    etcdkit_close(client);
    call(server, ETCDKIT_SERVER_STOP, (etcdkit_message){0});
    etcdkit_close(server);
    etcdkit_queue_close(queue);
    /* Tells the library that the last result is not needed any more. */
    etcdkit_queue_next(queue, &(etcdkit_result){0}, 1, 0);
    return 0;
}
