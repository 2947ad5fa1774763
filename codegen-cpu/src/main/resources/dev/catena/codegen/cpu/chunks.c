/* A launch's work in chunks. Each thread has a share of it, of which it takes chunks from the front; when none is left it takes
   chunks from the back of others' shares, so that a late thread is helped. Who computes what changes no result.
   What was taken of a share is one word, thread->shares[8 * id]: the launch in 44 bits, units taken from the front and from the back
   in 10 each. A word of an earlier launch says that nothing was taken, also of the share of a thread that hasn't come this far:
   thread->shares[8 * id + 1] counts the launches of thread `id`, which are the same for all threads. */
typedef struct { int32_t of, begin, first, end, share_end; } chunk; /* whose share; its begin; what to do; the share's end */

typedef struct {
  uint64_t launch;
  int32_t work, most, unit, others; /* units keep the counts within their bits */
} chunks;

enum { MOST_UNITS = 1000, UNITS_BITS = 10 };

/* Every thread calls it for each launch that is taken in chunks of up to `most`. */
INLINE chunks share_work(const catena_thread *thread, int32_t work, int32_t most) {
  const int32_t unit = work / thread->count / MOST_UNITS + 1;
  return (chunks){++thread->shares[8 * thread->id + 1], work, (most + unit - 1) / unit, unit, 0};
}

/* Whether there is another chunk for this thread. */
static int32_t next_chunk(chunks *c, const catena_thread *thread, chunk *next) {
  for (; c->others < thread->count; c->others++) {
    const int32_t of = (thread->id + c->others) % thread->count;
    const int32_t begin = share_begin(c->work, of, thread->count), end = share_begin(c->work, of + 1, thread->count);
    const int32_t units = (end - begin + c->unit - 1) / c->unit;
    uint64_t *share = thread->shares + 8 * of, seen = __atomic_load_n(share, __ATOMIC_RELAXED);
    for (;;) {
      const uint64_t launch = seen >> 2 * UNITS_BITS;
      const int32_t front = launch == c->launch ? seen >> UNITS_BITS & 1023 : 0, back = launch == c->launch ? seen & 1023 : 0;
      const int32_t taken = least(c->most, units - front - back);
      if (launch > c->launch || taken <= 0) break; /* those who are further ahead left nothing */
      const int own = c->others == 0;
      const uint64_t after = c->launch << 2 * UNITS_BITS | (uint64_t)(own ? front + taken : front) << UNITS_BITS | (own ? back : back + taken);
      if (!__atomic_compare_exchange_n(share, &seen, after, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
      const int32_t first = own ? front : units - back - taken;
      *next = (chunk){of, begin, begin + first * c->unit, least(begin + (first + taken) * c->unit, end), end};
      return 1;
    }
  }
  return 0;
}
