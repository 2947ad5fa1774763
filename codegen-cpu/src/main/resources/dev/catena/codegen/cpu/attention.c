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
    int32_t from = 0, to = queries; /* the first and the last may see nothing of it */
    while (to - from > 16 && !${name}_any_sees(s, from, from + 16, page)) from += 16;
    while (to - from > 16 && !${name}_any_sees(s, (to - 1) / 16 * 16, to, page)) to = (to - 1) / 16 * 16;
    const int32_t sequence = step->row_sequence[first], next_page = least(page + 1, last_position / 64);
    const char *head = kv_head_of((char *)kv, step, sequence, page, PAGE_BYTES, kv_head, HEAD_BYTES);
    const char *next = kv_head_of((char *)kv, step, sequence, next_page, PAGE_BYTES, kv_head, HEAD_BYTES);
    ${name}_ahead ahead = {next, page == next_page ? next : next + HEAD_BYTES};
    ${name}_load_keys(&s->keys, head, count);
    ${name}_load_values(&s->values, head, count);
    ${meet_page}(s, from, to, page, count, cap, ahead, weights);
  }
  for (int32_t i = 0; i < queries; i++) {
    float *out = y + (int64_t)(first + i / GROUP) * y_stride + (kv_head * GROUP + i % GROUP) * DIM;
    const float share = 1.0f / sum_lanes(load16(s->total[i])), offset = ${name}_offset(&s->weights[i]);
    for (int32_t d = 0; d < DIM; d++) out[d] = (s->sums[i][d] + offset) * share; /* dividing each would take as long as a page */
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
  ${begin}
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
  ${end}
}
