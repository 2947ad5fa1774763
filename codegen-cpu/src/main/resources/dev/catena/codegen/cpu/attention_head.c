/* ${name}: causal attention over cached pages, ${heads} heads of ${dim} over ${kv_heads} KV heads, k ${k_element}, v ${v_element}.
   Softmax is the online form (Milakov and Gimelshein): a running maximum, and what was summed is rescaled when it grows. */
#define HEADS ${heads}
#define KV_HEADS ${kv_heads}
#define DIM ${dim}
#define GROUP (HEADS / KV_HEADS)        /* query heads that share a KV head */
#define DIM_PADDED ((DIM + 15) / 16 * 16)
#define BLOCK_QUERIES ${block_queries}
#define BLOCK_ROWS (GROUP >= BLOCK_QUERIES ? 1 : BLOCK_QUERIES / GROUP) /* rows that share a page's conversion */
#define QUERIES (BLOCK_ROWS * GROUP)
#define QUERIES_PADDED ((QUERIES + 15) / 16 * 16)
#define WINDOW ${window} /* positions that a row sees, its own among them; 0: all */
#define CAPPED ${capped} /* whether a score s is cap * tanh(s / cap) */
#define SLOPED ${sloped} /* whether a score falls by its head's slope for each position back (ALiBi) */
#define PAGE_BYTES ${page_bytes}ll
#define HEAD_BYTES ${head_bytes}

/* What is needed next, asked for line after line while the page at hand is met: the next page, since pages lie apart and the CPU's
   own prefetcher starts anew with each; and, where a single row leaves the memory time, the weights after attention. */
typedef struct { const char *at, *end; } ${name}_ahead;

/* Lines to ask for in each of `calls` turns of a row's queries with a page. */
#define QUERY_TURNS (GROUP / QUERIES_TOGETHER + GROUP % QUERIES_TOGETHER)
#define WEIGHT_LINES 12            /* asked for with each query */
#define MOST_WEIGHT_BYTES (384 << 10) /* the second cache has to hold them until then */
#define LINES_AHEAD(calls) ((HEAD_BYTES / 64 + (calls) * QUERY_TURNS - 1) / ((calls) * QUERY_TURNS))

INLINE void ${name}_ask(${name}_ahead *ahead, const int lines) {
  if (ahead->at >= ahead->end) return;
  UNROLL for (int i = 0; i < lines; i++) __builtin_prefetch(ahead->at + 64 * i, 0, 2);
  ahead->at += 64 * lines;
}

/* A row's pages are met in segments, each with a maximum and sums of its own that join those before when it ends. So a single row's
   segments can be met by several threads, and who met which changes no result: their length follows from the row's position alone. */
#define LEAST_SEGMENT_PAGES 4
#define MOST_SEGMENTS ${most_segments} /* of a row; a window may touch one more */
#define SPLIT_ROWS ${split_rows} /* whose segments are shared out at most: what they sum up has a place in the first thread's scratch */

INLINE int32_t ${name}_first_page(int32_t position) { return WINDOW && position >= WINDOW ? (position + 1 - WINDOW) / 64 : 0; }

INLINE int32_t ${name}_segment_pages(int32_t position) {
  const int32_t pages = (WINDOW && position >= WINDOW ? WINDOW - 1 : position) / 64 + 1;
  int32_t length = LEAST_SEGMENT_PAGES;
  while (length * MOST_SEGMENTS < pages) length *= 2;
  return length;
}

INLINE int32_t ${name}_segments(int32_t position) {
  const int32_t length = ${name}_segment_pages(position);
  return position / 64 / length + 1 - ${name}_first_page(position) / length;
}
