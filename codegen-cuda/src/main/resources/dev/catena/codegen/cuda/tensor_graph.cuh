/* What a run has: the host fills the first 56 bytes and the slots of weights and inputs. */
struct catena_graph {
  int64_t error;            /* 0, or the first: operation * 16 + what */
  char *memory;
  int64_t memory_bytes;
  int64_t needed, needed_by; /* more memory than there is, and the operation that first asked for it */
  heap account;
  int64_t slots[1];         /* as many as the program has; the first is 1 until a check fails */
};

/* The first error stays. */
NOINLINE void fail(catena_graph *g, int64_t operation, int64_t what) {
  atomicCAS((unsigned long long *)&g->error, 0ull, (unsigned long long)(operation * 16 + what));
}

/* Ends the run: no kernel after this one does anything. */
NOINLINE void stop(catena_graph *g, int64_t operation, int64_t what) {
  fail(g, operation, what);
  g->slots[0] = 0;
}

/*
 * Puts memory for as many bytes into a slot, or ends the run. What goes beyond the memory that there is only counts: the host
 * gives more and runs again.
 */
NOINLINE bool allocate(catena_graph *g, int64_t slot, int64_t bytes, int64_t operation) {
  const int64_t at = heap_take(&g->account, 1L << 60, bytes);
  if (at < 0) {
    stop(g, operation, MEMORY);
    return false;
  }
  if (g->account.end > g->memory_bytes && g->account.end > g->needed) {
    if (g->needed == 0) g->needed_by = operation;
    g->needed = g->account.end;
  }
  g->slots[slot] = (int64_t)(g->memory + at);
  return true;
}

NOINLINE void release(catena_graph *g, int64_t slot, int64_t bytes) {
  heap_give(&g->account, (char *)g->slots[slot] - g->memory, bytes);
}

template <class... Dims> INLINE int64_t bytes_of(int64_t width, Dims... dims) {
  const int64_t list[] = {dims...};
  return tensor_bytes(list, sizeof...(dims), width);
}

/* This thread's first element, and the step to its next. */
INLINE int64_t first_element() { return blockIdx.x * (int64_t)blockDim.x + threadIdx.x; }
INLINE int64_t element_step() { return gridDim.x * (int64_t)blockDim.x; }
