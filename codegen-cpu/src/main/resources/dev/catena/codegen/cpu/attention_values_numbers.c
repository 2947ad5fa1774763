/* Values as f32. */
#define VALUE_VECTORS VALUES_TOGETHER /* side by side */
typedef struct { float numbers[64][DIM_PADDED]; } ${name}_values;
typedef struct { float numbers[64]; } ${name}_weights;

static void ${name}_load_values(${name}_values *values, const char *head, int32_t count) {
  for (int32_t slot = 0; slot < count; slot++)
    for (int32_t d = 0; d < DIM; d += 16)
      store16(&values->numbers[slot][d],
              kv_load_${v_element}(head + ${v_codes}, DIM, slot, d, DIM % 16 == 0 ? 16 : least(16, DIM - d)));
}

/* Weights of 64 positions for Q queries, 0 beyond a query's sight. */
INLINE void ${name}_take_weights(const int Q, ${name}_weights *to, const ${name}_values *values, const f32x16 weights[][4],
                                const s32x16 within[][4], const float *factor, const float *rescale) {
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int i = 0; i < 4; i++) store16(to[q].numbers + 16 * i, weights[q][i] * factor[q]);
}

INLINE void ${name}_begin_sums(${name}_weights *weights) {}
INLINE float ${name}_offset(const ${name}_weights *weights) { return 0; }

/* Adds weight times value of `count` positions for Q queries, V vectors of a head from element d on. */
INLINE void ${name}_accumulate(const int Q, const int V, const ${name}_values *values, const ${name}_weights *weights,
                               const float *rescale, float (*to)[DIM_PADDED], int32_t d, int32_t count) {
  f32x16 sums[QUERIES_TOGETHER][VALUE_VECTORS];
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) sums[q][v] = load16(&to[q][d + 16 * v]) * rescale[q];
  for (int32_t slot = 0; slot < count; slot++)
    UNROLL for (int v = 0; v < V; v++) {
      const f32x16 value = load16(&values->numbers[slot][d + 16 * v]);
      UNROLL for (int q = 0; q < Q; q++) sums[q][v] = fma16(splat(weights[q].numbers[slot]), value, sums[q][v]);
    }
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) store16(&to[q][d + 16 * v], sums[q][v]);
}
