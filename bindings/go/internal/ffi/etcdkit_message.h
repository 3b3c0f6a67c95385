/*
 * Just enough protobuf for a C program that wants no protobuf library: fields are written one after the other into a
 * buffer, and read one after the other. Field numbers are those of etcd's messages and of bridge.proto.
 *
 *     etcdkit_message put = {0};
 *     etcdkit_add_text(&put, 1, "key");
 *     etcdkit_add_text(&put, 2, "value");
 *     etcdkit_start(client, ETCDKIT_KV_PUT, put.data, put.len, 0, done, tag);
 *     etcdkit_free_message(&put);
 *
 * When memory runs out the message becomes unusable: `failed` is set and nothing more is added.
 */
#ifndef ETCDKIT_MESSAGE_H
#define ETCDKIT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A message that is being written. All zero is an empty one. */
typedef struct etcdkit_message {
    uint8_t *data;
    size_t len;
    size_t room;
    bool failed;
} etcdkit_message;

/* A field that was read: `number` for a varint, `data` and `len` for bytes, text or an inner message. */
typedef struct etcdkit_field {
    uint32_t id;
    uint64_t number;
    const uint8_t *data;
    size_t len;
} etcdkit_field;

/* What is still to be read. */
typedef struct etcdkit_reader {
    const uint8_t *at;
    const uint8_t *end;
} etcdkit_reader;

static inline bool etcdkit_grow_(etcdkit_message *message, size_t more) {
    if (message->failed || more > SIZE_MAX / 2 - message->len) {
        message->failed = true;
        return false;
    }
    if (message->len + more <= message->room) return true;
    size_t room = (message->len + more) * 2;
    uint8_t *data = (uint8_t *)realloc(message->data, room);
    if (!data) {
        message->failed = true;
        return false;
    }
    message->data = data;
    message->room = room;
    return true;
}

static inline void etcdkit_add_varint_(etcdkit_message *message, uint64_t value) {
    if (!etcdkit_grow_(message, 10)) return;
    for (; value > 0x7f; value >>= 7) message->data[message->len++] = (uint8_t)(value | 0x80);
    message->data[message->len++] = (uint8_t)value;
}

/* Adds a number or a boolean. A negative number is given as it is, cast to uint64_t. */
static inline void etcdkit_add_number(etcdkit_message *message, uint32_t id, uint64_t value) {
    etcdkit_add_varint_(message, (uint64_t)id << 3);
    etcdkit_add_varint_(message, value);
}

/* Adds bytes. */
static inline void etcdkit_add_bytes(etcdkit_message *message, uint32_t id, const void *data, size_t len) {
    etcdkit_add_varint_(message, (uint64_t)id << 3 | 2);
    etcdkit_add_varint_(message, len);
    if (!etcdkit_grow_(message, len)) return;
    if (len > 0) memcpy(message->data + message->len, data, len);
    message->len += len;
}

/* Adds text. */
static inline void etcdkit_add_text(etcdkit_message *message, uint32_t id, const char *text) {
    etcdkit_add_bytes(message, id, text, strlen(text));
}

/* Adds a message. */
static inline void etcdkit_add_message(etcdkit_message *message, uint32_t id, const etcdkit_message *inner) {
    if (inner->failed) message->failed = true;
    etcdkit_add_bytes(message, id, inner->data, inner->len);
}

/* Gives the memory back; the message is empty again. */
static inline void etcdkit_free_message(etcdkit_message *message) {
    free(message->data);
    memset(message, 0, sizeof *message);
}

/* Starts to read. */
static inline etcdkit_reader etcdkit_read(const uint8_t *data, size_t len) {
    etcdkit_reader reader = {data, data ? data + len : data};
    return reader;
}

static inline bool etcdkit_read_varint_(etcdkit_reader *reader, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

/* Reads the next field; false at the end, and where the bytes are no message. */
static inline bool etcdkit_next_field(etcdkit_reader *reader, etcdkit_field *field) {
    uint64_t key = 0;
    memset(field, 0, sizeof *field);
    if (!etcdkit_read_varint_(reader, &key)) return false;
    field->id = (uint32_t)(key >> 3);
    size_t left = 0;
    switch (key & 7) {
    case 0: return etcdkit_read_varint_(reader, &field->number);
    case 1: field->len = 8; break;
    case 2:
        if (!etcdkit_read_varint_(reader, &field->number)) return false;
        left = (size_t)(reader->end - reader->at);
        if (field->number > left) return false;
        field->len = (size_t)field->number;
        break;
    case 5: field->len = 4; break;
    default: return false;
    }
    left = (size_t)(reader->end - reader->at);
    if (field->len > left) return false;
    field->data = reader->at;
    reader->at += field->len;
    return true;
}

/* Finds the first field with this number; false when there is none. */
static inline bool etcdkit_find_field(const uint8_t *data, size_t len, uint32_t id, etcdkit_field *field) {
    etcdkit_reader reader = etcdkit_read(data, len);
    while (etcdkit_next_field(&reader, field)) {
        if (field->id == id) return true;
    }
    return false;
}

#ifdef __cplusplus
}
#endif

#endif
