/* What functions over thousands of tensors call for each: as little code there as can be. */
static __attribute__((noinline)) void *take(heap *h, catena_graph *g, int64_t bytes, int64_t operation) {
  const int64_t at = heap_take(h, g->memory_bytes, bytes);
  if (at >= 0) return g->memory + at;
  fail(g, operation, MEMORY);
  return 0;
}

static __attribute__((noinline)) void give(heap *h, const catena_graph *g, const void *tensor, int64_t bytes) {
  heap_give(h, (const char *)tensor - g->memory, bytes);
}
