INLINE void ${name}_add_values(const int Q, ${name}_scratch *s, int32_t query, int32_t count) {
  int32_t d = 0;
  for (; d + 16 * VALUE_VECTORS <= DIM_PADDED; d += 16 * VALUE_VECTORS)
    ${name}_accumulate(Q, VALUE_VECTORS, &s->values, &s->weights[query], &s->rescale[query], &s->sums[query], d, count);
  for (; d < DIM_PADDED; d += 16)
    ${name}_accumulate(Q, 1, &s->values, &s->weights[query], &s->rescale[query], &s->sums[query], d, count);
}

/* Queries first ... end - 1 meet the first `count` positions of a page, by vectors. */
static void ${name}_meet_page(${name}_scratch *s, int32_t first, int32_t end, int32_t page, int32_t count, float cap, ${name}_ahead ahead,
                             ${name}_ahead *weights) {
  int32_t q = first;
  for (; q + QUERIES_TOGETHER <= end; q += QUERIES_TOGETHER)
    ${name}_scores(QUERIES_TOGETHER, &s->keys, &s->queries[q], &s->scores[q], &ahead);
  for (; q < end; q++) ${name}_scores(1, &s->keys, &s->queries[q], &s->scores[q], &ahead);
  for (q = first; q < end; q += 16) ${name}_find_largest(s, q, least(q + 16, end), page, cap);
  ${name}_weigh_queries(s, first, end, page, weights);
  for (q = first; q + QUERIES_TOGETHER <= end; q += QUERIES_TOGETHER) ${name}_add_values(QUERIES_TOGETHER, s, q, count);
  for (; q < end; q++) ${name}_add_values(1, s, q, count);
}
