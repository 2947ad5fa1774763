/* A launch's operands. */
typedef struct {
  const catena_step *step;
  const float *q;
  int32_t q_stride;
  const char *kv;
  float *y;
  int32_t y_stride;
  float scale, cap;
  const float *slopes, *sinks;
} ${name}_operands;

/* Adds what a query has of some positions to what it has of those before them. */
static __attribute__((noinline)) void ${name}_join(${name}_part *all, const ${name}_part *more) {
  if (more->maximum == -__builtin_inff()) return; /* it saw none of them */
  const float apart = all->maximum == more->maximum ? 0 : __builtin_fabsf(all->maximum - more->maximum);
  const float less = exp16(splat(-apart))[0];
  const float kept = all->maximum >= more->maximum ? 1 : less, taken = more->maximum >= all->maximum ? 1 : less;
  all->maximum = more->maximum > all->maximum ? more->maximum : all->maximum;
  all->total = all->total * kept + more->total * taken;
  for (int32_t d = 0; d < DIM_PADDED; d += 16)
    store16(all->sums + d, load16(all->sums + d) * kept + load16(more->sums + d) * taken);
}

/* A sink is the logit of a value that is zero. */
INLINE void ${name}_begin_part(${name}_part *part, const float *sinks, int32_t head) {
  __builtin_memset(part, 0, sizeof *part);
  part->maximum = sinks ? sinks[head] : -__builtin_inff();
  part->total = sinks ? 1 : 0;
}

INLINE void ${name}_begin_segment(${name}_scratch *s, int32_t query) {
  ${name}_begin_sums(&s->weights[query]);
  __builtin_memset(s->sums[query], 0, sizeof s->sums[query]);
  __builtin_memset(s->total[query], 0, sizeof s->total[query]);
  s->maximum[query] = -__builtin_inff();
}

static __attribute__((noinline)) void ${name}_end_segment(const ${name}_scratch *s, int32_t query, ${name}_part *part) {
  const float offset = ${name}_offset(&s->weights[query]);
  for (int32_t d = 0; d < DIM_PADDED; d += 16) store16(part->sums + d, load16(s->sums[query] + d) + offset);
  part->maximum = s->maximum[query];
  part->total = sum_lanes(load16(s->total[query]));
}

INLINE void ${name}_write(const ${name}_part *part, float *y) {
  const float share = 1.0f / part->total;
  for (int32_t d = 0; d < DIM; d++) y[d] = part->sums[d] * share; /* dividing each would take as long as a page */
}

/* The queries of rows first ... end - 1, all of one sequence, with one KV head. */
static void ${name}_take_queries(const ${name}_operands *o, ${name}_scratch *s, int32_t first, int32_t end, int32_t kv_head) {
  for (int32_t i = 0; i < (end - first) * GROUP; i++) {
    const int32_t r = first + i / GROUP, head = kv_head * GROUP + i % GROUP;
    ${name}_take_query(&s->queries[i], o->q + (int64_t)r * o->q_stride + head * DIM, o->scale);
    ${name}_begin_segment(s, i);
    s->slope[i] = SLOPED ? o->slopes[head] : 0;
    s->position[i] = o->step->positions[r];
    s->segment_pages[i] = ${name}_segment_pages(s->position[i]);
  }
}

/* The first `queries` of the scratch meet a page of a sequence; the one after it, up to that of `last_position`, is asked for meanwhile. */
static void ${name}_meet(const ${name}_operands *o, ${name}_scratch *s, int32_t queries, int32_t sequence, int32_t kv_head,
                         int32_t page, int32_t last_position, ${name}_ahead *weights) {
  const int32_t count = least(64, last_position + 1 - 64 * page), next_page = least(page + 1, last_position / 64);
  int32_t from = 0, to = queries; /* the first and the last may see nothing of it */
  while (to - from > 16 && !${name}_any_sees(s, from, from + 16, page)) from += 16;
  while (to - from > 16 && !${name}_any_sees(s, (to - 1) / 16 * 16, to, page)) to = (to - 1) / 16 * 16;
  const char *head = kv_head_of((char *)o->kv, o->step, sequence, page, PAGE_BYTES, kv_head, HEAD_BYTES);
  const char *next = kv_head_of((char *)o->kv, o->step, sequence, next_page, PAGE_BYTES, kv_head, HEAD_BYTES);
  ${name}_ahead ahead = {next, page == next_page ? next : next + HEAD_BYTES};
  ${meet_few_queries}
  ${name}_load_keys(&s->keys, head, count);
  ${name}_load_values(&s->values, head, count);
  ${meet_page}(s, from, to, page, count, o->cap, ahead, weights);
}

/* Rows first ... end - 1, all of one sequence, for the query heads of one KV head. */
static void ${name}_rows(const ${name}_operands *o, ${name}_scratch *s, int32_t first, int32_t end, int32_t kv_head,
                         ${name}_ahead *weights) {
  const catena_step *step = o->step;
  const int32_t queries = (end - first) * GROUP;
  int32_t first_position = step->positions[first], last_position = 0;
  for (int32_t r = first; r < end; r++) {
    first_position = least(step->positions[r], first_position);
    last_position = step->positions[r] > last_position ? step->positions[r] : last_position;
  }
  ${name}_take_queries(o, s, first, end, kv_head);
  for (int32_t i = 0; i < queries; i++) ${name}_begin_part(&s->parts[i], o->sinks, kv_head * GROUP + i % GROUP);
  for (int32_t page = ${name}_first_page(first_position); page <= last_position / 64; page++) {
    ${name}_meet(o, s, queries, step->row_sequence[first], kv_head, page, last_position, weights);
    for (int32_t i = 0; i < queries; i++) {
      if (page != last_position / 64 && (page + 1) % s->segment_pages[i] != 0) continue;
      ${name}_part part;
      ${name}_end_segment(s, i, &part);
      ${name}_join(&s->parts[i], &part);
      ${name}_begin_segment(s, i);
    }
  }
  for (int32_t i = 0; i < queries; i++)
    ${name}_write(&s->parts[i], o->y + (int64_t)(first + i / GROUP) * o->y_stride + (kv_head * GROUP + i % GROUP) * DIM);
}

/* Blocks of rows, whole, by all threads. */
static void ${name}_blocks(const ${name}_operands *o, ${name}_scratch *s, const catena_thread *thread, ${name}_ahead *weights) {
  const catena_step *step = o->step;
  const int32_t rows = step->rows;
  /* How rows are grouped changes no result, so it may follow the number of threads. */
  int32_t block_rows = BLOCK_ROWS;
  while (block_rows > 1 && (rows + block_rows - 1) / block_rows * KV_HEADS < 4 * thread->count) block_rows /= 2;
  chunks work = share_work(thread, (rows + block_rows - 1) / block_rows * KV_HEADS, 1);
  for (chunk c; next_chunk(&work, thread, &c);) for (int32_t i = c.first; i < c.end; i++) {
    /* Later rows see more positions: each share begins with the last of its own. */
    const int32_t item = c.begin + c.share_end - 1 - i;
    const int32_t block_end = least(rows, (item / KV_HEADS + 1) * block_rows);
    for (int32_t first = item / KV_HEADS * block_rows, end; first < block_end; first = end) {
      for (end = first + 1; end < block_end && step->row_sequence[end] == step->row_sequence[first];) end++;
      ${name}_rows(o, s, first, end, item % KV_HEADS, weights);
    }
  }
}

/* One segment of a row, the first being number 0. */
static void ${name}_segment(const ${name}_operands *o, ${name}_scratch *s, int32_t row, int32_t kv_head, int32_t segment,
                            ${name}_part *parts, ${name}_ahead *weights) {
  const int32_t position = o->step->positions[row], length = ${name}_segment_pages(position);
  const int32_t first_page = ${name}_first_page(position), begin = (first_page / length + segment) * length;
  ${name}_take_queries(o, s, row, row + 1, kv_head);
  for (int32_t page = begin > first_page ? begin : first_page; page < begin + length && page <= position / 64; page++)
    ${name}_meet(o, s, GROUP, o->step->row_sequence[row], kv_head, page, position, weights);
  for (int32_t i = 0; i < GROUP; i++) ${name}_end_segment(s, i, &parts[i]);
}

/* The most segments that one of a few rows has; 1 where all threads have work without taking rows apart. */
static int32_t ${name}_most_segments(const catena_step *step, const catena_thread *thread) {
  if (thread->count == 1 || step->rows > SPLIT_ROWS || step->rows * KV_HEADS >= 4 * thread->count) return 1;
  int32_t most = 1;
  for (int32_t r = 0; r < step->rows; r++) {
    const int32_t segments = ${name}_segments(step->positions[r]);
    most = segments > most ? segments : most;
  }
  return most;
}

/* A few rows by all threads: each segment is a chunk, and what is known of a row's segments is joined in their order. */
static void ${name}_split(const ${name}_operands *o, int32_t most_segments, ${name}_part *parts, ${name}_scratch *s,
                          const catena_thread *thread, ${name}_ahead *weights) {
  const catena_step *step = o->step;
  chunks work = share_work(thread, step->rows * KV_HEADS * most_segments, 1);
  for (chunk c; next_chunk(&work, thread, &c);) for (int32_t item = c.first; item < c.end; item++) {
    const int32_t segment = item % most_segments, kv_head = item / most_segments % KV_HEADS, row = item / most_segments / KV_HEADS;
    if (segment < ${name}_segments(step->positions[row]))
      ${name}_segment(o, s, row, kv_head, segment, parts + (int64_t)item * GROUP, weights);
  }
  thread->barrier(thread->team, thread->id);
  const int32_t end = share_begin(step->rows * HEADS, thread->id + 1, thread->count);
  for (int32_t i = share_begin(step->rows * HEADS, thread->id, thread->count); i < end; i++) {
    const int32_t row = i / HEADS, head = i % HEADS;
    ${name}_part all;
    ${name}_begin_part(&all, o->sinks, head);
    for (int32_t segment = 0; segment < ${name}_segments(step->positions[row]); segment++)
      ${name}_join(&all, &parts[(int64_t)(i / GROUP * most_segments + segment) * GROUP + head % GROUP]);
    ${name}_write(&all, o->y + (int64_t)row * o->y_stride + head * DIM);
  }
}

static void ${name}(const catena_step *step, const float *q, int32_t q_stride, const char *kv, float *y, int32_t y_stride,
                    float scale, float cap, const float *slopes, const float *sinks, const char *weights, int32_t blocks,
                    int64_t block_bytes, char *first_scratch, char *scratch, const catena_thread *thread) {
  const ${name}_operands operands = {step, q, q_stride, kv, y, y_stride, scale, cap, slopes, sinks};
  const int32_t most_segments = ${name}_most_segments(step, thread);
  ${name}_ahead soon = {0, 0};
  if (weights && step->rows == 1) {
    const weights_ahead first = first_weights(thread, weights, blocks, block_bytes, MOST_WEIGHT_BYTES);
    soon = (${name}_ahead){first.begin, first.end};
  }
  ${begin}
  if (most_segments > 1)
    ${name}_split(&operands, most_segments, (${name}_part *)(first_scratch + ${parts_offset}), (${name}_scratch *)scratch, thread,
                  &soon);
  else
    ${name}_blocks(&operands, (${name}_scratch *)scratch, thread, &soon);
  ${end}
}
