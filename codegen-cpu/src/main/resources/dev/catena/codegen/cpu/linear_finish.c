/* A row's dot products with one block of 16 weight rows are done: bias, residual, store. */
INLINE void ${name}_finish(f32x16 sums, float *y, const float *bias, const float *residual, int32_t block) {
  const int32_t n = block * 16;
  const int32_t count = N % 16 == 0 ? 16 : least(16, N - n);
  if (bias) sums += load_first(bias + n, count);
  if (residual) sums += load_first(residual + n, count);
  store_first(y + n, sums, count);
}
