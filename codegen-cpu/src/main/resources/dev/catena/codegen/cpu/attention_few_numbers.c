/* Up to FEW_QUERIES meet a page of numbers as it lies: each number is taken once, so laying the page out in memory would only cost.
   What is added, and in which order, is what more queries do with a page that is laid out. */
#define FEW_LINES(calls) ((HEAD_BYTES / 64 + 2 * (calls) - 1) / (2 * (calls))) /* asked for in each turn, of the half of a page */

/* Scores of Q queries with `count` positions, in whole vectors of 16. */
INLINE void ${name}_few_scores(const int Q, ${name}_scratch *s, int32_t query, const char *head, int32_t count, ${name}_ahead *ahead) {
  for (int32_t slot = 0; slot < count; slot += 16) {
    f32x16 scores[FEW_QUERIES];
    UNROLL for (int q = 0; q < Q; q++) scores[q] = splat(0);
    for (int32_t d = 0; d < DIM; d += 16) {
      const int32_t width = DIM % 16 == 0 ? 16 : least(16, DIM - d);
      f32x16 keys[16];
      ${name}_ask(ahead, FEW_LINES(4 * (DIM_PADDED / 16)));
      UNROLL for (int i = 0; i < 16; i++) keys[i] = kv_load_${k_element}(head, DIM, slot + i, d, width);
      transpose16(keys);
      UNROLL for (int i = 0; i < 16; i++) if (i < width)
        UNROLL for (int q = 0; q < Q; q++) scores[q] = fma16(splat(s->queries[query + q].numbers[d + i]), keys[i], scores[q]);
    }
    UNROLL for (int q = 0; q < Q; q++) store16(s->scores[query + q] + slot, scores[q]);
  }
}

/* Adds weight times value of `count` positions for Q queries, V vectors of a head from element d on. */
INLINE void ${name}_few_values(const int Q, const int V, ${name}_scratch *s, int32_t query, const char *head, int32_t d, int32_t count,
                               ${name}_ahead *ahead) {
  const int32_t width = DIM % 16 == 0 ? 16 : least(16, DIM - d);
  f32x16 sums[FEW_QUERIES][FEW_VECTORS];
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) sums[q][v] = load16(s->sums[query + q] + d + 16 * v) * s->rescale[query + q];
  for (int32_t slot = 0; slot < count; slot++) {
    if (slot % 8 == 0) ${name}_ask(ahead, FEW_LINES(8 * (DIM_PADDED / 16) / V));
    UNROLL for (int v = 0; v < V; v++) {
      const f32x16 value = kv_load_${v_element}(head + ${v_codes}, DIM, slot, d + 16 * v, V > 1 ? 16 : width);
      UNROLL for (int q = 0; q < Q; q++) sums[q][v] = fma16(splat(s->weights[query + q].numbers[slot]), value, sums[q][v]);
    }
  }
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) store16(s->sums[query + q] + d + 16 * v, sums[q][v]);
}

/* Q queries from `first` on, of which those before `end` count, meet the first `count` positions of a page. */
INLINE void ${name}_few(const int Q, ${name}_scratch *s, const char *head, int32_t first, int32_t end, int32_t page, int32_t count,
                        float cap, ${name}_ahead *ahead, ${name}_ahead *weights) {
  const int V = Q > 4 ? FEW_VECTORS / 2 : FEW_VECTORS;
  ${name}_few_scores(Q, s, first, head, count, ahead);
  ${name}_find_largest(s, first, end, page, cap);
  ${name}_weigh_queries(s, first, end, page, weights);
  int32_t d = 0;
  for (; d + 16 * V <= DIM; d += 16 * V) ${name}_few_values(Q, V, s, first, head, d, count, ahead);
  for (; d < DIM; d += 16) ${name}_few_values(Q, 1, s, first, head, d, count, ahead);
}

static void ${name}_few_meet_page(${name}_scratch *s, const char *head, int32_t first, int32_t end, int32_t page, int32_t count,
                                 float cap, ${name}_ahead ahead, ${name}_ahead *weights) {
  if (end - first == 1) ${name}_few(1, s, head, first, end, page, count, cap, &ahead, weights);
  else if (end - first <= FEW_QUERIES / 2) ${name}_few(FEW_QUERIES / 2, s, head, first, end, page, count, cap, &ahead, weights);
  else ${name}_few(FEW_QUERIES, s, head, first, end, page, count, cap, &ahead, weights);
}
