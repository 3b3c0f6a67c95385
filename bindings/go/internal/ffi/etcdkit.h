/* The C ABI of etcdkit: bindings/c/include/etcdkit.h, kept here so that the Go module is complete by itself. */
#ifndef ETCDKIT_H
#define ETCDKIT_H

#include <stddef.h>
#include <stdint.h>

typedef struct etcdkit_result {
  uint64_t tag;
  uint64_t handle;
  int32_t kind;
  int32_t code;
  uint32_t flags;
  const uint8_t *data;
  size_t len;
  const uint8_t *message;
  size_t message_len;
} etcdkit_result;

uint32_t etcdkit_abi_version(void);
const char *etcdkit_version(void);
void etcdkit_cancel(uint64_t call);
void etcdkit_close(uint64_t handle);
uint64_t etcdkit_queue_open(void);
uint64_t etcdkit_queue_start(uint64_t queue, uint64_t target, uint32_t method, const uint8_t *request, size_t len,
                             int64_t timeout_ms, uint64_t tag);
int32_t etcdkit_queue_next(uint64_t queue, etcdkit_result *results, int32_t max, int64_t timeout_ms);
void etcdkit_queue_close(uint64_t queue);

#endif
