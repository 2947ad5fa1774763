/* ${name}: y = x / sqrt(mean of x^2 + epsilon) * weight, each of a row's ${parts} parts by itself. */
#define PARTS ${parts}
#define COLUMNS ${columns}

static void ${name}(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride, const float *weight,
                    float epsilon, const catena_thread *thread) {
  const int32_t end = share_begin(rows * PARTS, thread->id + 1, thread->count);
  for (int32_t i = share_begin(rows * PARTS, thread->id, thread->count); i < end; i++) {
    const float *in = x + (int64_t)(i / PARTS) * x_stride + i % PARTS * COLUMNS;
    float *out = y + (int64_t)(i / PARTS) * y_stride + i % PARTS * COLUMNS;
    f32x16 squares = splat(0);
    for (int32_t c = 0; c < COLUMNS; c += 16) {
      const f32x16 v = load_first(in + c, COLUMNS % 16 == 0 ? 16 : least(16, COLUMNS - c));
      squares = fma16(v, v, squares);
    }
    const float factor = 1.0f / __builtin_sqrtf(sum_lanes(squares) / COLUMNS + epsilon);
    for (int32_t c = 0; c < COLUMNS; c += 16) {
      const int32_t count = COLUMNS % 16 == 0 ? 16 : least(16, COLUMNS - c);
      store_first(out + c, load_first(in + c, count) * factor * load_first(weight + c, count), count);
    }
  }
}
