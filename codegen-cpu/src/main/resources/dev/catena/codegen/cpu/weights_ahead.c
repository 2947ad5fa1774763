/* The first bytes of a thread's share of a linear layer: its blocks lie one after the other. */
typedef struct { const char *begin, *end; } weights_ahead;

INLINE weights_ahead first_weights(const catena_thread *thread, const char *weights, int32_t blocks, int64_t block_bytes, int64_t most) {
  const char *begin = weights + share_begin(blocks, thread->id, thread->count) * block_bytes;
  const char *end = weights + share_begin(blocks, thread->id + 1, thread->count) * block_bytes;
  return (weights_ahead){begin, end - begin > most ? begin + most : end};
}

#define BYTES_AT_A_BARRIER (16 << 10)

/* Before a barrier, where memory would be idle: they come to the second cache while the thread waits. */
static void ask_for_weights(const catena_thread *thread, const char *weights, int32_t blocks, int64_t block_bytes) {
  const weights_ahead first = first_weights(thread, weights, blocks, block_bytes, BYTES_AT_A_BARRIER);
  for (const char *at = first.begin; at < first.end; at += 64) __builtin_prefetch(at, 0, 2);
}
