/* ${name}: y = x / sqrt(mean of x^2 + epsilon) * weight, row by row. */
#define COLUMNS ${columns}

static void ${name}(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride, const float *weight,
                    float epsilon, const catena_thread *thread) {
  const int32_t end = share_begin(rows, thread->id + 1, thread->count);
  for (int32_t r = share_begin(rows, thread->id, thread->count); r < end; r++) {
    const float *in = x + (int64_t)r * x_stride;
    float *out = y + (int64_t)r * y_stride;
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
