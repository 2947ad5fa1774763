/* Values as codes in words of consecutive positions. An output is sum((p s) c) + sum(p m), with s and m of the position: beside a page's
   largest, p s becomes a whole number of 15 bits. */
#define VALUE_WORDS (64 / CODES_IN_WORD)
#define VALUE_VECTORS (VALUES_TOGETHER / NUMBER_DIGITS) /* side by side */
typedef struct { uint32_t words[VALUE_WORDS][DIM_PADDED]; float scale[64], minimum[64]; } ${name}_values;
typedef struct { uint32_t digits[NUMBER_DIGITS][VALUE_WORDS] __attribute__((aligned(64))); float scale, offset[16]; } ${name}_weights;

static void ${name}_load_values(${name}_values *values, const char *head, int32_t count) {
  for (int32_t slot = 0; slot < count; slot += CODES_IN_WORD)
    UNROLL for (int d = 0; d < DIM; d += 16) {
      u8x16 rows[CODES_IN_WORD];
      UNROLL for (int i = 0; i < CODES_IN_WORD; i++)
        rows[i] = kv_codes_${v_element}(head + ${v_codes}, DIM, slot + i, d, DIM - d < 16 ? DIM - d : 16);
      store16((float *)&values->words[slot / CODES_IN_WORD][d], (f32x16)words_of_columns(rows));
    }
  kv_load_pairs(head + ${v_pairs}, values->scale, values->minimum);
}

/* Weights of 64 positions for Q queries, 0 beyond a query's sight, where scales and minima may be anything. */
INLINE void ${name}_take_weights(const int Q, ${name}_weights *to, const ${name}_values *values, const f32x16 weights[][4],
                                const s32x16 within[][4], const float *factor, const float *rescale) {
  f32x16 scaled[QUERIES_TOGETHER][4], largest[QUERIES_TOGETHER];
  float most[QUERIES_TOGETHER], to_whole[QUERIES_TOGETHER];
  UNROLL for (int q = 0; q < Q; q++) {
    f32x16 offset = splat(0);
    largest[q] = splat(0);
    UNROLL for (int i = 0; i < 4; i++) {
      offset += within[q][i] ? weights[q][i] * load16(values->minimum + 16 * i) : splat(0);
      scaled[q][i] = within[q][i] ? weights[q][i] * load16(values->scale + 16 * i) : splat(0);
      largest[q] = scaled[q][i] > largest[q] ? scaled[q][i] : largest[q];
    }
    store16(to[q].offset, fma16(load16(to[q].offset), splat(rescale[q]), offset * factor[q]));
  }
  UNROLL for (int q = 0; q < Q; q++) most[q] = max_lanes(largest[q]);
  UNROLL for (int q = 0; q < Q; q++) to_whole[q] = most[q] > 1e-30f ? LARGEST_NUMBER / most[q] : 0;
  UNROLL for (int q = 0; q < Q; q++) {
    UNROLL for (int i = 0; i < 4; i++)
      store_numbers(to[q].digits[0], 64, 16 * i,
                    __builtin_convertvector(__builtin_elementwise_rint(scaled[q][i] * to_whole[q]), s32x16));
    to[q].scale = most[q] * (1.0f / LARGEST_NUMBER) * factor[q];
  }
}

INLINE void ${name}_begin_sums(${name}_weights *weights) { store16(weights->offset, splat(0)); }
INLINE float ${name}_offset(const ${name}_weights *weights) { return sum_lanes(load16(weights->offset)); }

INLINE void ${name}_add_sum(const ${name}_weights *weights, float rescale, const s32x16 *digits, float *sums) {
  store16(sums, fma16(join_digits(digits), splat(weights->scale), load16(sums) * splat(rescale)));
}

/* Adds weight times value of `count` positions for Q queries, V vectors of a head from element d on. */
INLINE void ${name}_accumulate(const int Q, const int V, const ${name}_values *values, const ${name}_weights *weights,
                               const float *rescale, float (*to)[DIM_PADDED], int32_t d, int32_t count) {
  s32x16 sums[QUERIES_TOGETHER][VALUE_VECTORS][NUMBER_DIGITS];
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++)
      UNROLL for (int digit = 0; digit < NUMBER_DIGITS; digit++) sums[q][v][digit] = (s32x16)(0);
  for (int32_t w = 0; w * CODES_IN_WORD < count; w++)
    UNROLL for (int v = 0; v < V; v++) {
      const u32x16 words = (u32x16)load16((const float *)&values->words[w][d + 16 * v]);
      UNROLL for (int q = 0; q < Q; q++)
        UNROLL for (int digit = 0; digit < NUMBER_DIGITS; digit++)
          sums[q][v][digit] = multiply_words(sums[q][v][digit], words, weights[q].digits[digit][w]);
    }
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int v = 0; v < V; v++) ${name}_add_sum(&weights[q], rescale[q], sums[q][v], &to[q][d + 16 * v]);
}
