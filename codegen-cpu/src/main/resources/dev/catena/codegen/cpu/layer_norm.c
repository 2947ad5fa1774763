/* ${name}: y = (x - mean) / sqrt(variance + epsilon) * weight + bias, each of a row's ${parts} parts by itself, of which ${own}
   have weights of their own. The variance is taken of differences from the mean: sums of squares would cancel. */
#define COLUMNS ${columns}
#define PARTS ${parts}
#define OWN ${own}
#define BIASED ${biased}

static void ${name}(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride, const float *weight,
                    const float *bias, float epsilon, const catena_thread *thread) {
  const s32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const int32_t end = share_begin(rows * PARTS, thread->id + 1, thread->count);
  for (int32_t i = share_begin(rows * PARTS, thread->id, thread->count); i < end; i++) {
    const float *in = x + (int64_t)(i / PARTS) * x_stride + i % PARTS * COLUMNS;
    float *out = y + (int64_t)(i / PARTS) * y_stride + i % PARTS * COLUMNS;
    const int32_t first = i % PARTS % OWN * COLUMNS;
    f32x16 sum = splat(0), squares = splat(0);
    for (int32_t c = 0; c < COLUMNS; c += 16) sum += load_first(in + c, COLUMNS % 16 == 0 ? 16 : least(16, COLUMNS - c));
    const float mean = sum_lanes(sum) / COLUMNS;
    for (int32_t c = 0; c < COLUMNS; c += 16) {
      const int32_t count = COLUMNS % 16 == 0 ? 16 : least(16, COLUMNS - c);
      const f32x16 difference = lanes < count ? load_first(in + c, count) - mean : splat(0);
      squares = fma16(difference, difference, squares);
    }
    const float factor = 1.0f / __builtin_sqrtf(sum_lanes(squares) / COLUMNS + epsilon);
    for (int32_t c = 0; c < COLUMNS; c += 16) {
      const int32_t count = COLUMNS % 16 == 0 ? 16 : least(16, COLUMNS - c);
      f32x16 v = (load_first(in + c, count) - mean) * factor * load_first(weight + first + c, count);
      if (BIASED) v += load_first(bias + first + c, count);
      store_first(out + c, v, count);
    }
  }
}
