/* M rows from `r` on, against B blocks. */
INLINE void ${name}_rows(const int M, const int B, const char *weight, const char *prepared, float *y, int32_t y_stride,
                         const float *bias, const float *residual, int32_t residual_stride, int32_t r, int32_t block,
                         ${name}_ahead ahead) {
  f32x16 sums[MANY_ROWS][4];
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++) sums[m][b] = splat(0);
  const char *blocks = weight + block * BLOCK_BYTES;
  if (residual) UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++) __builtin_prefetch(residual + (int64_t)(r + m) * residual_stride + (block + b) * 16);
  ${name}_dot(M, B, 0, blocks, blocks, prepared + r * PREPARED_BYTES, 0, GROUPS, ahead, sums);
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++)
      ${name}_finish(sums[m][b], y + (int64_t)(r + m) * y_stride, bias,
                     residual ? residual + (int64_t)(r + m) * residual_stride : 0, block + b);
}

/* M rows from `r` on, the `set`-th of so many sets, against BLOCKS_BY_1 blocks, B side by side; a part of the `next` ones is asked for. */
INLINE void ${name}_set(const int M, const int B, const char *weight, const char *prepared, float *y, int32_t y_stride,
                        const float *bias, const float *residual, int32_t residual_stride, int32_t r, int32_t block,
                        const char *next, int32_t set, int32_t sets) {
  for (int32_t b = 0; b < BLOCKS_BY_1; b += B)
    ${name}_rows(M, B, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block + b,
                 ${name}_ask_for(next, set * BLOCKS_BY_1 + b, set * BLOCKS_BY_1 + b + B, sets * BLOCKS_BY_1));
}

/* The weights stream by once, as they are stored. Several blocks side by side are as many streams for the CPU's prefetcher: one
   alone doesn't fill the memory's bandwidth. More rows keep that waiting while they are multiplied; they ask for the next blocks,
   up to the end of the thread's share. */
static void ${name}_streamed(int32_t rows, float *y, int32_t y_stride, const char *weight, const float *bias, const float *residual,
                             int32_t residual_stride, const char *prepared, int32_t first, int32_t end, int32_t share_end) {
  const ${name}_ahead none = {0, 0, 0};
  /* Eight are two sets of four: six and two take longer. */
  const int32_t sixes = BLOCKS_BY_6 > 0 ? (rows % 6 == 2 && rows > 2 ? rows - 8 : rows) / 6 : 0, after = rows - 6 * sixes;
  const int32_t fours = BLOCKS_BY_4 > 0 ? after / 4 : 0, left = after - 4 * fours;
  const int32_t sets = sixes + fours + (BLOCKS_BY_2 > 0 ? left / 2 + left % 2 : left);
  int32_t block = first;
  for (; block + BLOCKS_BY_1 <= end; block += BLOCKS_BY_1) {
    const int asks = rows >= LEAST_ROWS_AHEAD && block + 2 * BLOCKS_BY_1 <= share_end;
    const char *next = asks ? weight + (block + BLOCKS_BY_1) * BLOCK_BYTES : 0;
    int32_t r = 0, set = 0;
    for (; BLOCKS_BY_6 > 0 && r < 6 * sixes; r += 6, set++)
      ${name}_set(6, BLOCKS_BY_6, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, next, set, sets);
    for (; BLOCKS_BY_4 > 0 && r + 4 <= rows; r += 4, set++)
      ${name}_set(4, BLOCKS_BY_4, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, next, set, sets);
    for (; BLOCKS_BY_2 > 0 && r + 2 <= rows; r += 2, set++)
      ${name}_set(2, BLOCKS_BY_2, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, next, set, sets);
    for (; r < rows; r++, set++)
      ${name}_set(1, BLOCKS_BY_1, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, next, set, sets);
  }
  for (; block < end; block++)
    for (int32_t r = 0; r < rows; r++)
      ${name}_rows(1, 1, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, none);
}
