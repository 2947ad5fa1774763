/* M rows from `r` on, against B blocks; the blocks from `ahead` on, if there are such, are asked for meanwhile. */
INLINE void ${name}_rows(const int M, const int B, const char *weight, const char *prepared, float *y, int32_t y_stride,
                         const float *bias, const float *residual, int32_t residual_stride, int32_t r, int32_t block,
                         const char *ahead) {
  f32x16 sums[MANY_ROWS][4];
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++) sums[m][b] = splat(0);
  const char *blocks = weight + block * BLOCK_BYTES;
  ${name}_dot(M, B, 0, blocks, blocks, prepared + r * PREPARED_BYTES, 0, GROUPS, ahead, sums);
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++)
      ${name}_finish(sums[m][b], y + (int64_t)(r + m) * y_stride, bias,
                     residual ? residual + (int64_t)(r + m) * residual_stride : 0, block + b);
}

/* Few rows: the weights stream by once, as they are stored. Several blocks side by side are as many streams for the CPU's
   prefetcher: one alone doesn't fill the memory's bandwidth. */
static void ${name}_streamed(int32_t rows, float *y, int32_t y_stride, const char *weight, const float *bias, const float *residual,
                             int32_t residual_stride, const char *prepared, int32_t first, int32_t end) {
  int32_t block = first;
  for (; block + BLOCKS_BY_1 <= end; block += BLOCKS_BY_1) {
    /* The first rows that meet these blocks ask for those after them. */
    const char *ahead = block + 2 * BLOCKS_BY_1 <= end ? weight + (block + BLOCKS_BY_1) * BLOCK_BYTES : 0;
    int32_t r = 0;
    for (; BLOCKS_BY_4 > 0 && r + 4 <= rows; r += 4)
      for (int32_t b = 0; b < BLOCKS_BY_1; b += BLOCKS_BY_4)
        ${name}_rows(4, BLOCKS_BY_4, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block + b,
                     ahead && r == 0 ? ahead + b * BLOCK_BYTES : 0);
    for (; BLOCKS_BY_2 > 0 && r + 2 <= rows; r += 2)
      for (int32_t b = 0; b < BLOCKS_BY_1; b += BLOCKS_BY_2)
        ${name}_rows(2, BLOCKS_BY_2, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block + b,
                     ahead && r == 0 ? ahead + b * BLOCK_BYTES : 0);
    for (; r < rows; r++)
      ${name}_rows(1, BLOCKS_BY_1, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, r == 0 ? ahead : 0);
  }
  for (; block < end; block++)
    for (int32_t r = 0; r < rows; r++)
      ${name}_rows(1, 1, weight, prepared, y, y_stride, bias, residual, residual_stride, r, block, 0);
}
