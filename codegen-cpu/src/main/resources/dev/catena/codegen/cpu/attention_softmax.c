/* What a query has of its positions so far, or of some of them: sums against the largest score. */
typedef struct { float sums[DIM_PADDED], maximum, total; } ${name}_part;

/* A thread's scratch: one page of one KV head, and the state of the queries that meet it. */
typedef struct {
  ${name}_keys keys;
  ${name}_values values;
  ${name}_query queries[QUERIES_PADDED];   /* times the scale */
  ${name}_weights weights[QUERIES_PADDED]; /* e^(score - the page's largest) */
  float scores[QUERIES_PADDED][64];
  float sums[QUERIES_PADDED][DIM_PADDED];  /* of weight times value, still to be divided */
  float total[QUERIES][16];                /* of weights, still to be added up */
  float maximum[QUERIES_PADDED], page_maximum[QUERIES_PADDED];
  float rescale[QUERIES_PADDED], factor[QUERIES_PADDED]; /* of what was summed, and of the page's sums */
  int32_t position[QUERIES], segment_pages[QUERIES];
  float slope[QUERIES];
  ${name}_part parts[QUERIES];             /* of the segments before */
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

/* The largest scores, lane by lane, of a page's positions from `from` to `seen` - 1, which are in the query's sight, the last its own:
   of all 64 where it sees the page WHOLE. Scores are capped and sloped on the way. */
INLINE f32x16 ${name}_largest(const int WHOLE, float *scores, int32_t from, int32_t seen, float cap, float slope) {
  f32x16 largest = splat(-__builtin_inff());
  UNROLL for (int i = 0; i < 4; i++) {
    f32x16 score = load16(scores + 16 * i);
    if (CAPPED) score = tanh16(score / cap) * cap;
    if (SLOPED) score = fma16(splat(slope), ${name}_distance(16 * i, seen - 1), score);
    if (CAPPED || SLOPED) store16(scores + 16 * i, score);
    if (!WHOLE) score = ${name}_within(16 * i, from, seen) ? score : splat(-__builtin_inff());
    largest = score > largest ? score : largest;
  }
  return largest;
}

/* What 16 queries summed up against the maximum so far, and the page's sums against its own, are brought to the larger of both. */
INLINE void ${name}_raise(${name}_scratch *s, int32_t q) {
  const f32x16 before = load16(s->maximum + q), page = load16(s->page_maximum + q);
  const f32x16 less = exp16(before == page ? splat(0) : -__builtin_elementwise_abs(before - page));
  store16(s->rescale + q, before >= page ? splat(1) : less);
  store16(s->factor + q, page >= before ? splat(1) : less);
  store16(s->maximum + q, page > before ? page : before);
}

INLINE int32_t ${name}_seen(const ${name}_scratch *s, int32_t query, int32_t page) { return s->position[query] - 64 * page + 1; }
INLINE int32_t ${name}_from(int32_t seen) { return WINDOW ? seen - WINDOW : 0; }

INLINE int ${name}_sees_whole(int32_t seen) { return seen >= 64 && ${name}_from(seen) <= 0; }

/* Whether any of the queries first ... end - 1 sees anything of a page. */
static int ${name}_any_sees(const ${name}_scratch *s, int32_t first, int32_t end, int32_t page) {
  for (int32_t q = first; q < end; q++) {
    const int32_t seen = ${name}_seen(s, q, page);
    if (seen > 0 && ${name}_from(seen) < 64) return 1;
  }
  return 0;
}

/* The largest scores of queries first ... end - 1, up to 16, and what they make of what was summed. */
static void ${name}_find_largest(${name}_scratch *s, int32_t first, int32_t end, int32_t page, float cap) {
  f32x16 largest[16];
  for (int32_t q = first; q < end; q++) {
    const int32_t seen = ${name}_seen(s, q, page);
    largest[q - first] = ${name}_sees_whole(seen) ? ${name}_largest(1, s->scores[q], 0, seen, cap, s->slope[q])
                                                  : ${name}_largest(0, s->scores[q], ${name}_from(seen), seen, cap, s->slope[q]);
  }
  if (end - first < 4) {
    for (int32_t q = first; q < end; q++) s->page_maximum[q] = max_lanes(largest[q - first]);
  } else {
    for (int32_t q = end; q < first + 16; q++) largest[q - first] = splat(0);
    store16(s->page_maximum + first, largest_of_rows(largest));
  }
  ${name}_raise(s, first);
}

/* Scores of Q queries become weights against the page's largest; they see all of it where WHOLE. */
INLINE void ${name}_weigh(const int Q, const int WHOLE, ${name}_scratch *s, int32_t query, int32_t page) {
  f32x16 weights[QUERIES_TOGETHER][4];
  s32x16 within[QUERIES_TOGETHER][4];
  UNROLL for (int q = 0; q < Q; q++) {
    const int32_t seen = ${name}_seen(s, query + q, page);
    UNROLL for (int i = 0; i < 4; i++) {
      within[q][i] = WHOLE ? (s32x16)(-1) : ${name}_within(16 * i, ${name}_from(seen), seen);
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

/* Scores of queries first ... end - 1 become weights; a single row asks for the weights after attention as well. */
static __attribute__((noinline)) void ${name}_weigh_queries(${name}_scratch *s, int32_t first, int32_t end, int32_t page,
                                                            ${name}_ahead *weights) {
  for (; first + QUERIES_TOGETHER <= end; first += QUERIES_TOGETHER) {
    ${name}_ask(weights, WEIGHT_LINES * QUERIES_TOGETHER);
    int whole = 1;
    UNROLL for (int q = 0; q < QUERIES_TOGETHER; q++) whole &= ${name}_sees_whole(${name}_seen(s, first + q, page));
    if (whole) ${name}_weigh(QUERIES_TOGETHER, 1, s, first, page);
    else ${name}_weigh(QUERIES_TOGETHER, 0, s, first, page);
  }
  for (; first < end; first++) {
    ${name}_ask(weights, WEIGHT_LINES);
    ${name}_weigh(1, 0, s, first, page);
  }
}
