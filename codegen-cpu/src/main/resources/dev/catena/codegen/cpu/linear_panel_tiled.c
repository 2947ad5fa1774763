#define TILE_GROUPS ${tile_groups} /* groups of a tile of weights, whose codes become bytes once for all rows of a panel */
#define TILE_COLUMNS ((TILE_GROUPS * GROUP + CODES_TOGETHER - 1) / CODES_TOGETHER * CODES_TOGETHER)
#define ROWS_WITHOUT_TILE ${rows_without_tile} /* so few take the codes as they are stored */
#define PANEL ${panel} /* rows whose digits are made at once */

/* M rows from `r` on against a tile of a block: groups first ... end - 1 are added to what y_tile [rows][16] holds. */
INLINE void ${name}_tile_rows(const int M, const char *block, const char *codes, const char *prepared, float *y_tile, int32_t r,
                              int32_t first, int32_t end) {
  f32x16 sums[MANY_ROWS][4];
  UNROLL for (int m = 0; m < M; m++) sums[m][0] = first == 0 ? splat(0) : load16(y_tile + (r + m) * 16);
  const ${name}_ahead none = {0, 0, 0};
  ${name}_dot(M, 1, CODES_TOGETHER > 4, block, codes, prepared + r * PREPARED_BYTES, first, end, none, sums);
  UNROLL for (int m = 0; m < M; m++) store16(y_tile + (r + m) * 16, sums[m][0]);
}

/* Many rows against a block, a tile of its columns after the other: each stays in the first cache for all rows. */
INLINE void ${name}_tiles(int32_t rows, float *y, int32_t y_stride, const char *weight, const float *bias, const float *residual,
                          int32_t residual_stride, const char *prepared, float *y_tile, char *tile, int32_t number) {
  const char *block = weight + number * BLOCK_BYTES;
  for (int32_t first = 0; first < GROUPS; first += TILE_GROUPS) {
    const int32_t end = least(first + TILE_GROUPS, GROUPS);
    const int32_t begin = first * GROUP, stop = least(end * GROUP, K_PADDED);
    if (CODES_TOGETHER > 4)
      for (int32_t k = begin; k < stop; k += CODES_TOGETHER) {
        const ${name}_words words = ${name}_load(block, k);
        UNROLL for (int i = 0; i < CODES_TOGETHER / 4; i++)
          ((u32x16 *)tile)[(k - begin) / 4 + i] = ${name}_codes(words, i);
      }
    const char *codes = CODES_TOGETHER > 4 ? tile - begin * 16ll : block;
    /* The next tile's words are asked for meanwhile, some with each few rows. */
    const char *next = end < GROUPS ? block + stop / CODES_TOGETHER * WORDS_TOGETHER * 64ll : block + BLOCK_BYTES;
    const int64_t next_bytes = TILE_COLUMNS / CODES_TOGETHER * WORDS_TOGETHER * 64ll;
    int32_t r = 0;
    for (; r + MANY_ROWS <= rows; r += MANY_ROWS) {
      for (int64_t at = next_bytes * r / rows / 64 * 64; at < next_bytes * (r + MANY_ROWS) / rows; at += 64)
        __builtin_prefetch(next + at);
      ${name}_tile_rows(MANY_ROWS, block, codes, prepared, y_tile, r, first, end);
    }
    if (MANY_ROWS > 4)
      for (; r + 4 <= rows; r += 4) ${name}_tile_rows(4, block, codes, prepared, y_tile, r, first, end);
    if (MANY_ROWS > 2)
      for (; r + 2 <= rows; r += 2) ${name}_tile_rows(2, block, codes, prepared, y_tile, r, first, end);
    for (; r < rows; r++) ${name}_tile_rows(1, block, codes, prepared, y_tile, r, first, end);
  }
  for (int32_t r = 0; r < rows; r++)
    ${name}_finish(load16(y_tile + r * 16), y + (int64_t)r * y_stride, bias,
                   residual ? residual + (int64_t)r * residual_stride : 0, number);
}

/* A panel of rows, whose digits the caches hold. */
static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, const catena_thread *thread) {
  for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
  float *y_tile = (float *)(scratch + PANEL * PREPARED_BYTES);
  char *tile = (char *)(y_tile + PANEL * 16);
  chunks work = share_work(thread, BLOCKS, BLOCKS_BY_1);
  for (chunk c; next_chunk(&work, thread, &c);) {
    if (rows <= ROWS_WITHOUT_TILE)
      ${name}_streamed(rows, y, y_stride, weight, bias, residual, residual_stride, scratch, c.first, c.end, c.end);
    else for (int32_t block = c.first; block < c.end; block++)
      ${name}_tiles(rows, y, y_stride, weight, bias, residual, residual_stride, scratch, y_tile, tile, block);
  }
}
