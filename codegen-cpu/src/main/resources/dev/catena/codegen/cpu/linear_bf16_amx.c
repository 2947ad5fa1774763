/* Products of bf16 in AMX's tiles. ${terms_note} */
#define TERMS ${terms}
#define STEPS ((K + 31) / 32) /* tiles of columns */
#define TILE_STEPS (16 / TERMS) /* whose rows stay in the first cache while blocks pass by */
#define TILE_PAIRS ${tile_pairs} /* pairs of blocks that are split once for all rows of a panel, in the second cache */
#define PANEL ${panel} /* rows that are split at once, a multiple of 32 */
#define SIXTEEN_ROWS (STEPS * TERMS * 1024ll) /* bytes of their tiles [STEPS][TERMS] */
#define ROW_LINES (32 * TERMS / TILE_PAIRS) /* of the next 32 rows' tiles, asked for in each step: all of them while TILE_PAIRS pairs pass by */
#define AHEAD 2 /* steps by which streamed blocks are asked for: 2 KB of each of four */
#define STEP_LINES (32 * 16 * (int32_t)sizeof(${element}) / 64) /* of a block */

/* A thread's scratch behind the rows' tiles. */
typedef struct {
  char weights[TILE_PAIRS][2][TILE_STEPS][TERMS][1024];
  float y[TILE_PAIRS][PANEL / 16][2][16][16];
} ${name}_tile_scratch;

/* Rows as tiles; of two terms the second is the nearest to what the first leaves. */
static void ${name}_lay(int32_t rows, const float *x, int32_t x_stride, char *tiles) {
  for (int32_t r = 0; r < rows; r++)
    for (int32_t k = 0; k < 32 * STEPS; k += 16) {
      const f32x16 v = k < K ? load_first(x + (int64_t)r * x_stride + k, K % 16 == 0 ? 16 : least(16, K - k)) : splat(0);
      char *to = tiles + r / 16 * SIXTEEN_ROWS + k / 32 * (TERMS * 1024ll) + r % 16 * 64 + k % 32 * 2;
      const f32x16 high = nearest_bf16(v);
      store_bf16(to, high);
      if (TERMS > 1) store_bf16(to + 1024, nearest_bf16(v - high));
    }
}

/* 32 columns of a block as a tile for each term. Two terms are an f16 exactly. */
INLINE void ${name}_split(const char *block, int32_t step, char *tiles) {
  UNROLL for (int i = 0; i < 16; i++) {
    const int32_t k = 32 * step + 2 * i;
    const f32x16 first = K % 32 == 0 || k < K ? ${name}_load(block, k) : splat(0);
    const f32x16 second = K % 32 == 0 || k + 1 < K ? ${name}_load(block, k + 1) : splat(0);
    if (TERMS == 1) {
      *(u32x16 *)(tiles + i * 64) = bf16_pairs(nearest_bf16(first), nearest_bf16(second));
    } else {
      const bf16_terms terms = terms_of_pairs(first, second, 0);
      *(u32x16 *)(tiles + i * 64) = terms.high;
      *(u32x16 *)(tiles + 1024 + i * 64) = terms.low;
    }
  }
}

/* A times 16 rows with B split blocks, `steps` tiles of columns: each sum takes low times high, high times high and high times
   low of a step, then those of the next, however steps are cut and rows and blocks are put together. */
INLINE void ${name}_meet(const int A, const int B, amx_tiles *tiles, const char *x, const char *weights, int64_t weights_stride,
                         int32_t steps, float y[][2][16][16], int begins, lines_ahead *next, int32_t ask, lines_ahead *next_rows) {
  if (begins) {
    tile_zero(tiles, 0);
    if (B > 1) tile_zero(tiles, 1);
    if (A > 1) tile_zero(tiles, 2);
    if (A > 1 && B > 1) tile_zero(tiles, 3);
  } else {
    tile_load(tiles, 0, y[0][0], 64);
    if (B > 1) tile_load(tiles, 1, y[0][1], 64);
    if (A > 1) tile_load(tiles, 2, y[1][0], 64);
    if (A > 1 && B > 1) tile_load(tiles, 3, y[1][1], 64);
  }
#define LOAD_ROWS(term) \
  { tile_load(tiles, 4, x + term * 1024, 64); if (A > 1) tile_load(tiles, 5, x + SIXTEEN_ROWS + term * 1024, 64); }
#define LOAD_COLUMNS(term) \
  { tile_load(tiles, 6, weights + term * 1024, 64); if (B > 1) tile_load(tiles, 7, weights + weights_stride + term * 1024, 64); }
#define MULTIPLY \
  { tile_multiply_bf16(tiles, 0, 4, 6); if (B > 1) tile_multiply_bf16(tiles, 1, 4, 7); \
    if (A > 1) tile_multiply_bf16(tiles, 2, 5, 6); if (A > 1 && B > 1) tile_multiply_bf16(tiles, 3, 5, 7); }
  for (int32_t step = 0; step < steps; step++, x += TERMS * 1024, weights += TERMS * 1024) {
    if (TERMS > 1) LOAD_ROWS(1)
    LOAD_COLUMNS(0)
    if (TERMS > 1) MULTIPLY
    LOAD_ROWS(0)
    MULTIPLY
    if (TERMS > 1) LOAD_COLUMNS(1)
    if (TERMS > 1) MULTIPLY
    ask_for(next, ask, 2);
    ask_for(next_rows, ROW_LINES, 1);
  }
  tile_store(tiles, 0, y[0][0], 64);
  if (B > 1) tile_store(tiles, 1, y[0][1], 64);
  if (A > 1) tile_store(tiles, 2, y[1][0], 64);
  if (A > 1 && B > 1) tile_store(tiles, 3, y[1][1], 64);
}

/* `rows` rows with up to TILE_PAIRS pairs of blocks, from `number` to `end` - 1, tile of columns by tile of columns. */
static void ${name}_tiles(amx_tiles *tiles, int32_t rows, float *y, int32_t y_stride, const char *weight, const float *bias,
                          const float *residual, int32_t residual_stride, const char *x, ${name}_tile_scratch *s, int32_t number,
                          int32_t end, int32_t last) {
  const char *blocks = weight + number * BLOCK_BYTES;
  const int32_t count = end - number, pairs = (count + 1) / 2;
  for (int32_t first = 0; first < STEPS; first += TILE_STEPS) {
    const int32_t stop = least(first + TILE_STEPS, STEPS);
    const int over = stop == STEPS; /* then other blocks come next */
    const int32_t next_steps = least(TILE_STEPS, over ? STEPS : STEPS - stop), next_count = over ? least(count, last - end) : count;
    lines_ahead next = lines_of(over ? blocks + count * BLOCK_BYTES : blocks + stop * STEP_LINES * 64ll, next_count,
                                next_steps * STEP_LINES * 64ll, BLOCK_BYTES);
    /* A third of the next lines is asked for while blocks are split, the rest between products. */
    for (int32_t b = 0; b < count; b++)
      for (int32_t step = first; step < stop; step++) {
        ask_for(&next, STEP_LINES / 3, 2);
        ${name}_split(blocks + b * BLOCK_BYTES, step, s->weights[b / 2][b % 2][step - first][0]);
      }
    const int32_t products = (rows + 31) / 32 * pairs * (stop - first);
    const int32_t ask = (next_count * next_steps * STEP_LINES * 2 / 3 + products - 1) / products;
    for (int32_t r = 0; r < rows; r += 32) {
      const int32_t next_row = r + 32 < rows ? r + 32 : 0, next_first = r + 32 < rows ? first : over ? 0 : stop;
      lines_ahead next_rows = lines_of(x + next_row / 16 * SIXTEEN_ROWS + next_first * (TERMS * 1024ll), next_row + 16 < rows ? 2 : 1,
                                       least(TILE_STEPS, STEPS - next_first) * (TERMS * 1024ll), SIXTEEN_ROWS);
      for (int32_t pair = 0; pair < pairs; pair++) {
        const char *rows_x = x + r / 16 * SIXTEEN_ROWS + first * (TERMS * 1024ll), *w = s->weights[pair][0][0][0];
        const int64_t w_stride = sizeof s->weights[0][0];
        float(*sums)[2][16][16] = &s->y[pair][r / 16];
        const int two_rows = r + 16 < rows, two_blocks = 2 * pair + 1 < count;
        if (two_rows && two_blocks) ${name}_meet(2, 2, tiles, rows_x, w, w_stride, stop - first, sums, first == 0, &next, ask, &next_rows);
        else if (two_rows) ${name}_meet(2, 1, tiles, rows_x, w, w_stride, stop - first, sums, first == 0, &next, ask, &next_rows);
        else if (two_blocks) ${name}_meet(1, 2, tiles, rows_x, w, w_stride, stop - first, sums, first == 0, &next, ask, &next_rows);
        else ${name}_meet(1, 1, tiles, rows_x, w, w_stride, stop - first, sums, first == 0, &next, ask, &next_rows);
      }
    }
  }
  for (int32_t r = 0; r < rows; r++)
    for (int32_t b = 0; b < count; b++)
      ${name}_finish(load16(s->y[b / 2][r / 16][b % 2][r % 16]), y + (int64_t)r * y_stride, bias,
                     residual ? residual + (int64_t)r * residual_stride : 0, number + b);
}

/* Up to 16 rows: the weights stream by once, four blocks side by side, and are split a tile before they are multiplied. */
static void ${name}_streamed(amx_tiles *tiles, int32_t rows, float *y, int32_t y_stride, const char *weight, const float *bias,
                             const float *residual, int32_t residual_stride, const char *x, ${name}_tile_scratch *s, int32_t first,
                             int32_t end) {
  for (int32_t block = first; block < end; block += 4) {
    const int32_t count = least(4, end - block);
    tile_zero(tiles, 0);
    tile_zero(tiles, 1);
    tile_zero(tiles, 2);
    tile_zero(tiles, 3);
    for (int32_t step = 0; step < STEPS; step++) {
      char(*split)[TERMS][1024] = s->weights[step % 2][0];
      /* Blocks that there aren't repeat the last one: their sums are left alone. */
      for (int32_t b = 0; b < 4; b++) {
        const char *from = weight + (block + least(b, count - 1)) * BLOCK_BYTES;
        UNROLL for (int line = 0; line < STEP_LINES; line++)
          __builtin_prefetch(from + ((step + AHEAD) * STEP_LINES + line) * 64ll);
        ${name}_split(from, step, split[b][0]);
      }
      const char *rows_x = x + step * (TERMS * 1024ll);
#define MULTIPLY_FOUR(row_tile, term) \
  { tile_load(tiles, 6, split[0][term], 64); tile_multiply_bf16(tiles, 0, row_tile, 6); \
    tile_load(tiles, 7, split[1][term], 64); tile_multiply_bf16(tiles, 1, row_tile, 7); \
    tile_load(tiles, 6, split[2][term], 64); tile_multiply_bf16(tiles, 2, row_tile, 6); \
    tile_load(tiles, 7, split[3][term], 64); tile_multiply_bf16(tiles, 3, row_tile, 7); }
      tile_load(tiles, 4, rows_x, 64);
      if (TERMS > 1) {
        tile_load(tiles, 5, rows_x + 1024, 64);
        MULTIPLY_FOUR(5, 0)
      }
      MULTIPLY_FOUR(4, 0)
      if (TERMS > 1) MULTIPLY_FOUR(4, TERMS - 1)
    }
    tile_store(tiles, 0, s->y[0][0][0], 64);
    tile_store(tiles, 1, s->y[0][0][1], 64);
    tile_store(tiles, 2, s->y[0][1][0], 64);
    tile_store(tiles, 3, s->y[0][1][1], 64);
    for (int32_t r = 0; r < rows; r++)
      for (int32_t b = 0; b < count; b++)
        ${name}_finish(load16(s->y[0][b / 2][b % 2][r]), y + (int64_t)r * y_stride, bias,
                       residual ? residual + (int64_t)r * residual_stride : 0, block + b);
  }
}

static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, const catena_thread *thread) {
  ${name}_tile_scratch *s = (${name}_tile_scratch *)(scratch + PANEL / 16 * SIXTEEN_ROWS);
  ${name}_lay(rows, x, x_stride, scratch);
  amx_tiles tiles;
  tile_begin(&tiles);
  chunks work = share_work(thread, BLOCKS, rows <= 16 ? 4 : 2 * TILE_PAIRS);
  for (chunk c; next_chunk(&work, thread, &c);)
    if (rows <= 16)
      ${name}_streamed(&tiles, rows, y, y_stride, weight, bias, residual, residual_stride, scratch, s, c.first, c.end);
    else
      for (int32_t block = c.first; block < c.end; block += 2 * TILE_PAIRS)
        ${name}_tiles(&tiles, rows, y, y_stride, weight, bias, residual, residual_stride, scratch, s, block,
                      least(block + 2 * TILE_PAIRS, c.end), c.of == thread->id ? c.share_end : c.end);
  tile_end(&tiles);
}
