/* M rows from `r` on against B blocks: M * B chains of sums run side by side. */
INLINE void ${name}_chains(const int M, const int B, const char *weight, const ${name}_x *x, int32_t x_stride, float *y,
                           int32_t y_stride, const float *bias, const float *residual, int32_t residual_stride, int32_t r,
                           int32_t block) {
  const char *blocks = weight + block * BLOCK_BYTES;
  const ${name}_x *in = x + (int64_t)r * x_stride;
  f32x16 sums[4][4];
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++) sums[m][b] = splat(0);
  _Pragma("clang loop unroll_count(4)")
  for (int32_t k = 0; k < STEPS; k++) {
    ${name}_w columns[4];
    UNROLL for (int b = 0; b < B; b++) columns[b] = ${name}_column(blocks + b * BLOCK_BYTES, k);
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int b = 0; b < B; b++)
        sums[m][b] = ${name}_add(sums[m][b], in[(int64_t)m * x_stride + k], columns[b]);
  }
  UNROLL for (int m = 0; m < M; m++)
    UNROLL for (int b = 0; b < B; b++)
      ${name}_finish(sums[m][b], y + (int64_t)(r + m) * y_stride, bias,
                     residual ? residual + (int64_t)(r + m) * residual_stride : 0, block + b);
}

/* Few rows: the weights stream by once and are used straight from memory. Blocks side by side are as many streams for the
   CPU's prefetcher: one alone doesn't fill the memory's bandwidth. */
static void ${name}_streamed(int32_t rows, const ${name}_x *x, int32_t x_stride, float *y, int32_t y_stride,
                             const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                             int32_t first, int32_t end) {
  int32_t block = first;
  for (; block + 4 <= end; block += 4) {
    int32_t r = 0;
    for (; r + 4 <= rows; r += 4)
      for (int32_t b = 0; b < 4; b += FLOAT_BLOCKS_BY_4)
        ${name}_chains(4, FLOAT_BLOCKS_BY_4, weight, x, x_stride, y, y_stride, bias, residual, residual_stride, r, block + b);
    for (; r + 2 <= rows; r += 2)
      for (int32_t b = 0; b < 4; b += FLOAT_BLOCKS_BY_2)
        ${name}_chains(2, FLOAT_BLOCKS_BY_2, weight, x, x_stride, y, y_stride, bias, residual, residual_stride, r, block + b);
    if (r < rows) ${name}_chains(1, 4, weight, x, x_stride, y, y_stride, bias, residual, residual_stride, r, block);
  }
  for (; block < end; block++)
    for (int32_t r = 0; r < rows; r++)
      ${name}_chains(1, 1, weight, x, x_stride, y, y_stride, bias, residual, residual_stride, r, block);
}
