/* ${name}: causal attention over cached pages, ${heads} heads of ${dim} over ${kv_heads} KV heads, k ${k_element}, v ${v_element}.
   Softmax is the online form (Milakov and Gimelshein): a running maximum, and what was summed is rescaled when it grows. */
#define HEADS ${heads}
#define KV_HEADS ${kv_heads}
#define DIM ${dim}
#define GROUP (HEADS / KV_HEADS)        /* query heads that share a KV head */
#define DIM_PADDED ((DIM + 15) / 16 * 16)
#define BLOCK_ROWS (GROUP >= 32 ? 1 : 32 / GROUP) /* rows that share a page's conversion */
#define QUERIES (BLOCK_ROWS * GROUP)
#define WINDOW ${window} /* positions that a row sees, its own among them; 0: all */
#define CAPPED ${capped} /* whether a score s is cap * tanh(s / cap) */
#define SLOPED ${sloped} /* whether a score falls by its head's slope for each position back (ALiBi) */
#define PAGE_BYTES ${page_bytes}ll
#define HEAD_BYTES ${head_bytes}
#define K_CODES ${k_codes} /* whether keys are codes: s (q . c) + m sum(q) is a score, nothing is dequantized element by element */
#define V_CODES ${v_codes_stored} /* whether values are: sum((p s) c) + sum(p m) is an output */

/* A thread's scratch: one page of one KV head as f32 (numbers or codes), and the state of the queries that meet it. */
typedef struct {
  float keys[DIM][64];              /* transposed: scores of 16 positions are one vector */
  float values[64][DIM_PADDED];
  float queries[QUERIES][DIM];      /* times the scale */
  float sums[QUERIES][DIM_PADDED];  /* of weight times value, still to be divided */
  float weights[QUERIES][64];       /* scores, then e^(score - maximum) */
  float maximum[QUERIES], total[QUERIES], rescale[QUERIES];
  int32_t position[QUERIES];
  float key_scale[64], key_minimum[64], value_scale[64], value_minimum[64]; /* of codes */
  float query_sum[QUERIES], offset[QUERIES]; /* sum(q); sum(p m) of this page */
  float slope[QUERIES];
} ${name}_scratch;

/* The first `count` positions of a page; those after it may never have been written. */
static void ${name}_load_page(${name}_scratch *s, const char *head, int32_t count) {
  for (int32_t slot = 0; slot < count; slot += 16)
    for (int32_t d = 0; d < DIM; d += 16) {
      const int32_t width = DIM % 16 == 0 ? 16 : least(16, DIM - d);
      f32x16 block[16];
      UNROLL for (int i = 0; i < 16; i++)
        block[i] = kv_load_${k_element}(head, DIM, slot + i, d, width);
      transpose16(block);
      UNROLL for (int i = 0; i < 16; i++) if (i < width) store16(&s->keys[d + i][slot], block[i]);
    }
  for (int32_t slot = 0; slot < count; slot++)
    for (int32_t d = 0; d < DIM; d += 16)
      store16(&s->values[slot][d], kv_load_${v_element}(head + ${v_codes}, DIM, slot, d, DIM % 16 == 0 ? 16 : least(16, DIM - d)));
  if (K_CODES) kv_load_pairs(head + ${k_pairs}, s->key_scale, s->key_minimum);
  if (V_CODES) kv_load_pairs(head + ${v_pairs}, s->value_scale, s->value_minimum);
}

/* Scores of Q queries against a page's positions. Meanwhile the next page is asked for, two lines with each element: pages
   lie apart, and the CPU's own prefetcher starts anew with each. */
INLINE void ${name}_scores(const int Q, ${name}_scratch *s, int32_t query, float cap, const char *next) {
  const int32_t asked = query / QUERIES_TOGETHER * DIM * 128;
  next += asked;
  for (int32_t slot = 0; slot < 64; slot += 16 * SLOTS_TOGETHER) {
    f32x16 scores[QUERIES_TOGETHER][SLOTS_TOGETHER];
    UNROLL for (int q = 0; q < Q; q++)
      UNROLL for (int i = 0; i < SLOTS_TOGETHER; i++) scores[q][i] = splat(0);
    for (int32_t d = 0; d < DIM; d++) {
      if (asked < HEAD_BYTES && slot == 0) {
        __builtin_prefetch(next + d * 128, 0, 2);
        __builtin_prefetch(next + d * 128 + 64, 0, 2);
      }
      UNROLL for (int i = 0; i < SLOTS_TOGETHER; i++) {
        const f32x16 keys = load16(&s->keys[d][slot + 16 * i]);
        UNROLL for (int q = 0; q < Q; q++) scores[q][i] = fma16(splat(s->queries[query + q][d]), keys, scores[q][i]);
      }
    }
    UNROLL for (int q = 0; q < Q; q++)
      UNROLL for (int i = 0; i < SLOTS_TOGETHER; i++) {
        if (K_CODES)
          scores[q][i] = fma16(load16(s->key_scale + slot + 16 * i), scores[q][i],
                               load16(s->key_minimum + slot + 16 * i) * s->query_sum[query + q]);
        if (CAPPED) scores[q][i] = tanh16(scores[q][i] / cap) * cap;
        store16(&s->weights[query + q][slot + 16 * i], scores[q][i]);
      }
  }
}

/* Which of 16 positions from `slot` on lie between `from` and `seen` - 1. */
INLINE s32x16 ${name}_within(int32_t slot, int32_t from, int32_t seen) {
  const s32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return WINDOW ? (lanes + slot < seen) & (lanes + slot >= from) : lanes + slot < seen;
}

/* How far 16 positions from `slot` on lie from the row's own: negative before it. */
INLINE f32x16 ${name}_distance(int32_t slot, int32_t own) {
  const f32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return lanes + (float)(slot - own);
}

/* Scores become weights against the new maximum; the page's positions from `from` to `seen` - 1 are in the query's sight, of which
   `own` would be its own. */
static void ${name}_weigh(${name}_scratch *s, int32_t query, int32_t from, int32_t seen, int32_t own) {
  float *weights = s->weights[query];
  if (seen <= 0 || WINDOW && from >= 64) {
    __builtin_memset(weights, 0, 64 * sizeof(float));
    s->rescale[query] = 1;
    s->offset[query] = 0;
    return;
  }
  f32x16 largest = splat(s->maximum[query]);
  UNROLL for (int i = 0; i < 4; i++) {
    f32x16 scores = load16(weights + 16 * i);
    const s32x16 within = ${name}_within(16 * i, from, seen);
    if (SLOPED) scores = fma16(splat(s->slope[query]), ${name}_distance(16 * i, own), scores);
    scores = within ? scores : splat(-__builtin_inff());
    store16(weights + 16 * i, scores);
    largest = __builtin_elementwise_max(largest, scores);
  }
  const float maximum = max_lanes(largest);
  f32x16 total = splat(0), offset = splat(0);
  UNROLL for (int i = 0; i < 4; i++) {
    f32x16 weight = exp16(load16(weights + 16 * i) - maximum);
    const s32x16 within = ${name}_within(16 * i, from, seen);
    weight = within ? weight : splat(0);
    total += weight;
    if (V_CODES) { /* beyond what is seen the page may hold anything */
      offset += within ? weight * load16(s->value_minimum + 16 * i) : splat(0);
      weight = within ? weight * load16(s->value_scale + 16 * i) : splat(0);
    }
    store16(weights + 16 * i, weight);
  }
  const float rescale = exp16(splat(s->maximum[query] - maximum))[0];
  s->total[query] = s->total[query] * rescale + sum_lanes(total);
  s->offset[query] = V_CODES ? sum_lanes(offset) : 0;
  s->maximum[query] = maximum;
  s->rescale[query] = rescale;
}

/* Adds weight times value (of codes: with the scale in the weight, and with the minima's part) of `count` positions for Q queries, V vectors of a head from element d on. */
INLINE void ${name}_accumulate(const int Q, const int V, ${name}_scratch *s, int32_t query, int32_t d, int32_t count) {
  f32x16 sums[QUERIES_TOGETHER][VALUES_TOGETHER];
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) {
      sums[q][v] = load16(&s->sums[query + q][d + 16 * v]) * s->rescale[query + q];
      if (V_CODES) sums[q][v] += s->offset[query + q];
    }
  for (int32_t slot = 0; slot < count; slot++)
    UNROLL for (int v = 0; v < V; v++) {
      const f32x16 value = load16(&s->values[slot][d + 16 * v]);
      UNROLL for (int q = 0; q < Q; q++) sums[q][v] = fma16(splat(s->weights[query + q][slot]), value, sums[q][v]);
    }
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) store16(&s->sums[query + q][d + 16 * v], sums[q][v]);
}

INLINE void ${name}_meet_page(const int Q, ${name}_scratch *s, int32_t query, int32_t page, int32_t count, float cap,
                             const char *next) {
  ${name}_scores(Q, s, query, cap, next);
  for (int32_t q = query; q < query + Q; q++) {
    const int32_t seen = s->position[q] - 64 * page + 1;
    ${name}_weigh(s, q, WINDOW ? seen - WINDOW : 0, least(64, seen), seen - 1);
  }
  int32_t d = 0;
  for (; d + 16 * VALUES_TOGETHER <= DIM_PADDED; d += 16 * VALUES_TOGETHER)
    ${name}_accumulate(Q, VALUES_TOGETHER, s, query, d, count);
  for (; d < DIM_PADDED; d += 16) ${name}_accumulate(Q, 1, s, query, d, count);
}

/* Rows first ... end - 1, all of one sequence, for the query heads of one KV head. */
static void ${name}_rows(const catena_step *step, const float *q, int32_t q_stride, const char *kv, float *y, int32_t y_stride,
                         float scale, float cap, const float *slopes, const float *sinks, ${name}_scratch *s, int32_t first,
                         int32_t end, int32_t kv_head) {
  const int32_t queries = (end - first) * GROUP;
  int32_t first_position = step->positions[first], last_position = 0;
  for (int32_t i = 0; i < queries; i++) {
    const int32_t r = first + i / GROUP;
    const float *query = q + (int64_t)r * q_stride + (kv_head * GROUP + i % GROUP) * DIM;
    s->query_sum[i] = 0;
    for (int32_t d = 0; d < DIM; d++) {
      s->queries[i][d] = query[d] * scale;
      if (K_CODES) s->query_sum[i] += s->queries[i][d];
    }
    __builtin_memset(s->sums[i], 0, sizeof s->sums[i]);
    const int32_t head = kv_head * GROUP + i % GROUP;
    if (SLOPED) s->slope[i] = slopes[head];
    s->maximum[i] = sinks ? sinks[head] : -__builtin_inff(); /* a sink is the logit of a value that is zero */
    s->total[i] = sinks ? 1 : 0;
    s->position[i] = step->positions[r];
    first_position = least(step->positions[r], first_position);
    last_position = step->positions[r] > last_position ? step->positions[r] : last_position;
  }
  const int32_t first_page = WINDOW && first_position >= WINDOW ? (first_position + 1 - WINDOW) / 64 : 0;
  for (int32_t page = first_page; page <= last_position / 64; page++) {
    const int32_t count = least(64, last_position + 1 - 64 * page);
    const int32_t sequence = step->row_sequence[first], next_page = least(page + 1, last_position / 64);
    ${name}_load_page(s, kv_head_of((char *)kv, step, sequence, page, PAGE_BYTES, kv_head, HEAD_BYTES), count);
    const char *next = kv_head_of((char *)kv, step, sequence, next_page, PAGE_BYTES, kv_head, HEAD_BYTES);
    int32_t i = 0;
    for (; i + QUERIES_TOGETHER <= queries; i += QUERIES_TOGETHER)
      ${name}_meet_page(QUERIES_TOGETHER, s, i, page, count, cap, next);
    for (; i < queries; i++) ${name}_meet_page(1, s, i, page, count, cap, next);
  }
  for (int32_t i = 0; i < queries; i++) {
    float *out = y + (int64_t)(first + i / GROUP) * y_stride + (kv_head * GROUP + i % GROUP) * DIM;
    for (int32_t d = 0; d < DIM; d++) out[d] = s->sums[i][d] / s->total[i];
  }
}

static void ${name}(const catena_step *step, const float *q, int32_t q_stride, const char *kv, float *y, int32_t y_stride,
                    float scale, float cap, const float *slopes, const float *sinks, char *scratch, const catena_thread *thread) {
  const int32_t rows = step->rows;
  /* How rows are grouped changes no result, so it may follow the number of threads. */
  int32_t block_rows = BLOCK_ROWS;
  while (block_rows > 1 && (rows + block_rows - 1) / block_rows * KV_HEADS < 4 * thread->count) block_rows /= 2;
  const int32_t items = (rows + block_rows - 1) / block_rows * KV_HEADS;
  /* Later rows see more positions: neighbours go to different threads. */
  for (int32_t item = thread->id; item < items; item += thread->count) {
    const int32_t block_end = least(rows, (item / KV_HEADS + 1) * block_rows);
    for (int32_t first = item / KV_HEADS * block_rows, end; first < block_end; first = end) {
      for (end = first + 1; end < block_end && step->row_sequence[end] == step->row_sequence[first];) end++;
      ${name}_rows(step, q, q_stride, kv, y, y_stride, scale, cap, slopes, sinks, (${name}_scratch *)scratch, first, end, item % KV_HEADS);
    }
  }
}
