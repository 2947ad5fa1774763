/* Keys as f32, transposed: scores of 16 positions are one vector. */
#define KEY_STEPS DIM
#define KEY_PASSES (64 / 16 / SLOTS_TOGETHER)
typedef struct { float numbers[DIM][64]; } ${name}_keys;
typedef struct { float numbers[DIM]; } ${name}_query;

static void ${name}_load_keys(${name}_keys *keys, const char *head, int32_t count) {
  for (int32_t slot = 0; slot < count; slot += 16)
    for (int32_t d = 0; d < DIM; d += 16) {
      const int32_t width = DIM % 16 == 0 ? 16 : least(16, DIM - d);
      f32x16 block[16];
      UNROLL for (int i = 0; i < 16; i++)
        block[i] = kv_load_${k_element}(head, DIM, slot + i, d, width);
      transpose16(block);
      UNROLL for (int i = 0; i < 16; i++) if (i < width) store16(&keys->numbers[d + i][slot], block[i]);
    }
}

INLINE void ${name}_take_query(${name}_query *query, const float *x, float scale) {
  for (int32_t d = 0; d < DIM; d++) query->numbers[d] = x[d] * scale;
}

/* Scores of Q queries, 64 each; asks for the next page as it goes. */
INLINE void ${name}_scores(const int Q, const ${name}_keys *keys, const ${name}_query *queries, float (*to)[64],
                           ${name}_ahead *ahead) {
  for (int32_t slot = 0; slot < 64; slot += 16 * SLOTS_TOGETHER) {
    f32x16 scores[QUERIES_TOGETHER][SLOTS_TOGETHER];
    UNROLL for (int q = 0; q < Q; q++)
      UNROLL for (int i = 0; i < SLOTS_TOGETHER; i++) scores[q][i] = splat(0);
    for (int32_t d = 0; d < DIM; d++) {
      ${name}_ask(ahead, LINES_AHEAD(KEY_STEPS * KEY_PASSES));
      UNROLL for (int i = 0; i < SLOTS_TOGETHER; i++) {
        const f32x16 numbers = load16(&keys->numbers[d][slot + 16 * i]);
        UNROLL for (int q = 0; q < Q; q++) scores[q][i] = fma16(splat(queries[q].numbers[d]), numbers, scores[q][i]);
      }
    }
    UNROLL for (int q = 0; q < Q; q++)
      UNROLL for (int i = 0; i < SLOTS_TOGETHER; i++) store16(&to[q][slot + 16 * i], scores[q][i]);
  }
}
