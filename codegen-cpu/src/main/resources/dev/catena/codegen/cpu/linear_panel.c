/* A panel of rows, whose digits the caches hold. */
static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, int32_t first, int32_t end) {
  for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
  ${name}_streamed(rows, y, y_stride, weight, bias, residual, residual_stride, scratch, first, end);
}
