/* A thread's scratch: one page of one KV head, and the state of the queries that meet it. */
typedef struct {
  ${name}_keys keys;
  ${name}_values values;
  ${name}_query queries[QUERIES];   /* times the scale */
  ${name}_weights weights[QUERIES]; /* e^(score - the page's largest) */
  float scores[QUERIES][64];
  float sums[QUERIES][DIM_PADDED];  /* of weight times value, still to be divided */
  float total[QUERIES][16];         /* of weights, still to be added up */
  float maximum[QUERIES_PADDED], page_maximum[QUERIES_PADDED];
  float rescale[QUERIES_PADDED], factor[QUERIES_PADDED]; /* of what was summed, and of the page's sums */
  int32_t position[QUERIES];
  float slope[QUERIES];
} ${name}_scratch;
_Static_assert(sizeof(${name}_scratch) <= ${scratch_bytes}, "scratch");

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

/* The largest score of a page's positions from `from` to `seen` - 1, which are in the query's sight, the last its own; scores
   are capped and sloped on the way. */
INLINE f32x16 ${name}_largest(float *scores, int32_t from, int32_t seen, float cap, float slope) {
  f32x16 largest = splat(-__builtin_inff());
  UNROLL for (int i = 0; i < 4; i++) {
    f32x16 score = load16(scores + 16 * i);
    if (CAPPED) score = tanh16(score / cap) * cap;
    if (SLOPED) score = fma16(splat(slope), ${name}_distance(16 * i, seen - 1), score);
    if (CAPPED || SLOPED) store16(scores + 16 * i, score);
    score = ${name}_within(16 * i, from, seen) ? score : splat(-__builtin_inff());
    largest = score > largest ? score : largest;
  }
  return largest;
}

/* What was summed up against the maximum so far, and the page's sums against its own, are brought to the larger of both. */
static void ${name}_raise(${name}_scratch *s, int32_t queries) {
  for (int32_t q = 0; q < queries; q += 16) {
    const f32x16 before = load16(s->maximum + q), page = load16(s->page_maximum + q);
    const f32x16 less = exp16(before == page ? splat(0) : -__builtin_elementwise_abs(before - page));
    store16(s->rescale + q, before >= page ? splat(1) : less);
    store16(s->factor + q, page >= before ? splat(1) : less);
    store16(s->maximum + q, page > before ? page : before);
  }
}

INLINE int32_t ${name}_seen(const ${name}_scratch *s, int32_t query, int32_t page) { return s->position[query] - 64 * page + 1; }
INLINE int32_t ${name}_from(int32_t seen) { return WINDOW ? seen - WINDOW : 0; }

/* Scores of Q queries become weights against the page's largest. */
INLINE void ${name}_weigh(const int Q, ${name}_scratch *s, int32_t query, int32_t page) {
  f32x16 weights[QUERIES_TOGETHER][4];
  s32x16 within[QUERIES_TOGETHER][4];
  UNROLL for (int q = 0; q < Q; q++) {
    const int32_t seen = ${name}_seen(s, query + q, page);
    UNROLL for (int i = 0; i < 4; i++) {
      within[q][i] = ${name}_within(16 * i, ${name}_from(seen), seen);
      weights[q][i] = load16(s->scores[query + q] + 16 * i) - s->page_maximum[query + q];
    }
  }
  UNROLL for (int i = 0; i < 4; i++)
    UNROLL for (int q = 0; q < Q; q++) {
      const f32x16 weight = exp16(weights[q][i]);
      weights[q][i] = within[q][i] ? weight : splat(0);
    }
  ${name}_take_weights(Q, &s->weights[query], &s->values, weights, within, &s->factor[query], &s->rescale[query]);
  UNROLL for (int q = 0; q < Q; q++) {
    const f32x16 total = weights[q][0] + weights[q][1] + weights[q][2] + weights[q][3];
    store16(s->total[query + q], fma16(load16(s->total[query + q]), splat(s->rescale[query + q]), total * s->factor[query + q]));
  }
}

INLINE void ${name}_add_values(const int Q, ${name}_scratch *s, int32_t query, int32_t count) {
  int32_t d = 0;
  for (; d + 16 * VALUE_VECTORS <= DIM_PADDED; d += 16 * VALUE_VECTORS)
    ${name}_accumulate(Q, VALUE_VECTORS, &s->values, &s->weights[query], &s->rescale[query], &s->sums[query], d, count);
  for (; d < DIM_PADDED; d += 16)
    ${name}_accumulate(Q, 1, &s->values, &s->weights[query], &s->rescale[query], &s->sums[query], d, count);
}

/* All queries meet the first `count` positions of a page. */
static void ${name}_meet_page(${name}_scratch *s, int32_t queries, int32_t page, int32_t count, float cap, ${name}_ahead ahead,
                             ${name}_ahead *weights) {
  int32_t q = 0;
  for (; q + QUERIES_TOGETHER <= queries; q += QUERIES_TOGETHER)
    ${name}_scores(QUERIES_TOGETHER, &s->keys, &s->queries[q], &s->scores[q], &ahead);
  for (; q < queries; q++) ${name}_scores(1, &s->keys, &s->queries[q], &s->scores[q], &ahead);
  for (q = 0; q < queries; q++) {
    const int32_t seen = ${name}_seen(s, q, page);
    s->page_maximum[q] = max_lanes(${name}_largest(s->scores[q], ${name}_from(seen), seen, cap, s->slope[q]));
  }
  ${name}_raise(s, queries);
  for (q = 0; q + QUERIES_TOGETHER <= queries; q += QUERIES_TOGETHER) {
    ${name}_ask(weights, WEIGHT_LINES * QUERIES_TOGETHER);
    ${name}_weigh(QUERIES_TOGETHER, s, q, page);
  }
  for (; q < queries; q++) {
    ${name}_ask(weights, WEIGHT_LINES);
    ${name}_weigh(1, s, q, page);
  }
  for (q = 0; q + QUERIES_TOGETHER <= queries; q += QUERIES_TOGETHER) ${name}_add_values(QUERIES_TOGETHER, s, q, count);
  for (; q < queries; q++) ${name}_add_values(1, s, q, count);
}

/* Rows first ... end - 1, all of one sequence, for the query heads of one KV head. */
static void ${name}_rows(const catena_step *step, const float *q, int32_t q_stride, const char *kv, float *y, int32_t y_stride,
                         float scale, float cap, const float *slopes, const float *sinks, ${name}_scratch *s, int32_t first,
                         int32_t end, int32_t kv_head, ${name}_ahead *weights) {
  const int32_t queries = (end - first) * GROUP;
  int32_t first_position = step->positions[first], last_position = 0;
  for (int32_t i = 0; i < queries; i++) {
    const int32_t r = first + i / GROUP;
    const float *query = q + (int64_t)r * q_stride + (kv_head * GROUP + i % GROUP) * DIM;
    ${name}_take_query(&s->queries[i], query, scale);
    ${name}_begin_sums(&s->weights[i]);
    __builtin_memset(s->sums[i], 0, sizeof s->sums[i]);
    __builtin_memset(s->total[i], 0, sizeof s->total[i]);
    const int32_t head = kv_head * GROUP + i % GROUP;
    s->slope[i] = SLOPED ? slopes[head] : 0;
    s->maximum[i] = sinks ? sinks[head] : -__builtin_inff(); /* a sink is the logit of a value that is zero */
    s->total[i][0] = sinks ? 1 : 0;
    s->position[i] = step->positions[r];
    first_position = least(step->positions[r], first_position);
    last_position = step->positions[r] > last_position ? step->positions[r] : last_position;
  }
  const int32_t first_page = WINDOW && first_position >= WINDOW ? (first_position + 1 - WINDOW) / 64 : 0;
  for (int32_t page = first_page; page <= last_position / 64; page++) {
    const int32_t count = least(64, last_position + 1 - 64 * page);
    const int32_t sequence = step->row_sequence[first], next_page = least(page + 1, last_position / 64);
    const char *head = kv_head_of((char *)kv, step, sequence, page, PAGE_BYTES, kv_head, HEAD_BYTES);
    const char *next = kv_head_of((char *)kv, step, sequence, next_page, PAGE_BYTES, kv_head, HEAD_BYTES);
    ${name}_ahead ahead = {next, page == next_page ? next : next + HEAD_BYTES};
    ${name}_load_keys(&s->keys, head, count);
    ${name}_load_values(&s->values, head, count);
    ${name}_meet_page(s, queries, page, count, cap, ahead, weights);
  }
  for (int32_t i = 0; i < queries; i++) {
    float *out = y + (int64_t)(first + i / GROUP) * y_stride + (kv_head * GROUP + i % GROUP) * DIM;
    const float total = sum_lanes(load16(s->total[i])), offset = ${name}_offset(&s->weights[i]);
    for (int32_t d = 0; d < DIM; d++) out[d] = (s->sums[i][d] + offset) / total;
  }
}

static void ${name}(const catena_step *step, const float *q, int32_t q_stride, const char *kv, float *y, int32_t y_stride,
                    float scale, float cap, const float *slopes, const float *sinks, const char *weights, int32_t blocks,
                    int64_t block_bytes, char *scratch, const catena_thread *thread) {
  const int32_t rows = step->rows;
  /* How rows are grouped changes no result, so it may follow the number of threads. */
  int32_t block_rows = BLOCK_ROWS;
  while (block_rows > 1 && (rows + block_rows - 1) / block_rows * KV_HEADS < 4 * thread->count) block_rows /= 2;
  const int32_t items = (rows + block_rows - 1) / block_rows * KV_HEADS;
  ${name}_ahead soon = {0, 0};
  if (weights && rows == 1) {
    const weights_ahead first = first_weights(thread, weights, blocks, block_bytes, MOST_WEIGHT_BYTES);
    soon = (${name}_ahead){first.begin, first.end};
  }
  chunks work = share_work(thread, items, 1);
  for (chunk c; next_chunk(&work, thread, &c);) for (int32_t i = c.first; i < c.end; i++) {
    /* Later rows see more positions: each share begins with the last of its own. */
    const int32_t item = c.begin + c.share_end - 1 - i;
    const int32_t block_end = least(rows, (item / KV_HEADS + 1) * block_rows);
    for (int32_t first = item / KV_HEADS * block_rows, end; first < block_end; first = end) {
      for (end = first + 1; end < block_end && step->row_sequence[end] == step->row_sequence[first];) end++;
      ${name}_rows(step, q, q_stride, kv, y, y_stride, scale, cap, slopes, sinks, (${name}_scratch *)scratch, first, end,
                  item % KV_HEADS, &soon);
    }
  }
}
