/* A row's dot products with one block of 16 weight rows are done: bias, residual, store. */
INLINE void ${name}_finish(f32x16 sums, float *y, const float *bias, const float *residual, int32_t block) {
  const int32_t n = block * 16;
  const int32_t count = N % 16 == 0 ? 16 : least(16, N - n);
  if (bias) sums += load_first(bias + n, count);
  if (residual) sums += load_first(residual + n, count);
  store_first(y + n, sums, count);
}

/* M rows from `r` on, against one block. */
INLINE void ${name}_rows(const int M, const char *block_data, const char *prepared, float *y, int32_t y_stride,
                         const float *bias, const float *residual, int32_t residual_stride, int32_t r, int32_t block) {
  f32x16 sums[MOST_STREAMED_TOGETHER];
  ${name}_dot(M, block_data, prepared + r * PREPARED_BYTES, sums);
  UNROLL for (int m = 0; m < M; m++)
    ${name}_finish(sums[m], y + (int64_t)(r + m) * y_stride, bias,
                   residual ? residual + (int64_t)(r + m) * residual_stride : 0, block);
}

/* Up to STREAMED_ROWS rows: the weights stream by once and are used as they are stored. */
static void ${name}_streamed(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                             const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                             char *scratch, int32_t first, int32_t end) {
  for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
  for (int32_t block = first; block < end; block++) {
    const char *data = weight + block * BLOCK_BYTES;
    int32_t r = 0;
    for (; MOST_STREAMED_TOGETHER >= 4 && r + 4 <= rows; r += 4)
      ${name}_rows(4, data, scratch, y, y_stride, bias, residual, residual_stride, r, block);
    for (; r + 2 <= rows; r += 2)
      ${name}_rows(2, data, scratch, y, y_stride, bias, residual, residual_stride, r, block);
    if (r < rows) ${name}_rows(1, data, scratch, y, y_stride, bias, residual, residual_stride, r, block);
  }
}
