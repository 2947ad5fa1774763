/* M rows from `r` on, against one block. */
INLINE void ${name}_rows(const int M, const char *block_data, const char *prepared, float *y, int32_t y_stride,
                         const float *bias, const float *residual, int32_t residual_stride, int32_t r, int32_t block) {
  f32x16 sums[ROWS_TOGETHER];
  ${name}_dot(M, block_data, prepared + r * PREPARED_BYTES, sums);
  UNROLL for (int m = 0; m < M; m++)
    ${name}_finish(sums[m], y + (int64_t)(r + m) * y_stride, bias,
                   residual ? residual + (int64_t)(r + m) * residual_stride : 0, block);
}

/* A panel of rows, whose digits the caches hold: the weights stream by once, as they are stored. */
static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                             const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                             char *scratch, int32_t first, int32_t end) {
  for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
  for (int32_t block = first; block < end; block++) {
    const char *data = weight + block * BLOCK_BYTES;
    int32_t r = 0;
    for (; ROWS_TOGETHER >= 4 && r + 4 <= rows; r += 4)
      ${name}_rows(4, data, scratch, y, y_stride, bias, residual, residual_stride, r, block);
    for (; ROWS_TOGETHER >= 2 && r + 2 <= rows; r += 2)
      ${name}_rows(2, data, scratch, y, y_stride, bias, residual, residual_stride, r, block);
    for (; r < rows; r++)
      ${name}_rows(1, data, scratch, y, y_stride, bias, residual, residual_stride, r, block);
  }
}
