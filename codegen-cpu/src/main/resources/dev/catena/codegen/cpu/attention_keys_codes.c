/* Keys as codes in words of consecutive elements, transposed: scores of 16 positions are one vector. A query becomes whole numbers
   of 15 bits and a sign, which is finer than any code: a score is s (q . c) + m sum(q), with s and m of the position. */
#define KEY_WORDS ((DIM + CODES_IN_WORD - 1) / CODES_IN_WORD)
#define ROW_CODES (16 * CODES_IN_WORD)
#define QUERY_PADDED ((DIM + ROW_CODES - 1) / ROW_CODES * ROW_CODES)
#define LARGEST_QUERY (DIM <= 256 ? LARGEST_NUMBER : 0x7fffffff / 255 / DIM - 1) /* sums stay within 32 bits */
#define KEY_SLOTS (SLOTS_TOGETHER / NUMBER_DIGITS)
#define KEY_STEPS KEY_WORDS
#define KEY_PASSES (64 / 16 / KEY_SLOTS)
typedef struct { uint32_t words[QUERY_PADDED / CODES_IN_WORD][64]; float scale[64], minimum[64]; } ${name}_keys;
typedef struct { uint32_t digits[NUMBER_DIGITS][QUERY_PADDED / CODES_IN_WORD] __attribute__((aligned(64))); float scale, sum; } ${name}_query;

static void ${name}_load_keys(${name}_keys *keys, const char *head, int32_t count) {
  for (int32_t slot = 0; slot < count; slot += 16)
    UNROLL for (int d = 0; d < DIM; d += ROW_CODES) {
      f32x16 block[16];
      UNROLL for (int i = 0; i < 16; i++)
        block[i] = (f32x16)words_of_row(kv_row_${k_element}(head, DIM, slot + i, d, DIM - d < ROW_CODES ? DIM - d : ROW_CODES));
      transpose16(block);
      UNROLL for (int i = 0; i < 16; i++) store16((float *)&keys->words[d / CODES_IN_WORD + i][slot], block[i]);
    }
  kv_load_pairs(head + ${k_pairs}, keys->scale, keys->minimum);
}

INLINE void ${name}_take_query(${name}_query *query, const float *x, float scale) {
  f32x16 magnitudes = splat(0);
  float sum = 0;
  for (int32_t d = 0; d < DIM; d += 16) {
    const f32x16 v = load_first(x + d, least(16, DIM - d));
    magnitudes = __builtin_elementwise_max(magnitudes, __builtin_elementwise_abs(v));
    sum += sum_lanes(v);
  }
  const float magnitude = max_lanes(magnitudes);
  const float to_whole = magnitude > 1e-30f ? LARGEST_QUERY / magnitude : 0;
  for (int32_t d = 0; d < QUERY_PADDED; d += 16) {
    const f32x16 v = d < DIM ? load_first(x + d, least(16, DIM - d)) : splat(0);
    store_numbers(query->digits[0], QUERY_PADDED, d, __builtin_convertvector(__builtin_elementwise_rint(v * to_whole), s32x16));
  }
  query->scale = magnitude * (1.0f / LARGEST_QUERY) * scale;
  query->sum = sum * scale; /* NaN or infinite where an element is, and then the scores are */
}

/* Scores of 16 positions with these scales and minima. */
INLINE f32x16 ${name}_score(const ${name}_query *query, f32x16 scale, f32x16 minimum, const s32x16 *digits) {
  return fma16(scale * query->scale, join_digits(digits), minimum * query->sum);
}

/* Scores of Q queries, 64 each; asks for the next page as it goes. */
INLINE void ${name}_scores(const int Q, const ${name}_keys *keys, const ${name}_query *queries, float (*to)[64],
                           ${name}_ahead *ahead) {
  for (int32_t slot = 0; slot < 64; slot += 16 * KEY_SLOTS) {
    s32x16 sums[QUERIES_TOGETHER][KEY_SLOTS][NUMBER_DIGITS];
    UNROLL for (int q = 0; q < Q; q++)
      UNROLL for (int i = 0; i < KEY_SLOTS; i++)
        UNROLL for (int digit = 0; digit < NUMBER_DIGITS; digit++) sums[q][i][digit] = (s32x16)(0);
    for (int32_t w = 0; w < KEY_WORDS; w++) {
      ${name}_ask(ahead, LINES_AHEAD(KEY_STEPS * KEY_PASSES));
      UNROLL for (int i = 0; i < KEY_SLOTS; i++) {
        const u32x16 words = (u32x16)load16((const float *)&keys->words[w][slot + 16 * i]);
        UNROLL for (int q = 0; q < Q; q++)
          UNROLL for (int digit = 0; digit < NUMBER_DIGITS; digit++)
            sums[q][i][digit] = multiply_words(sums[q][i][digit], words, queries[q].digits[digit][w]);
      }
    }
    UNROLL for (int i = 0; i < KEY_SLOTS; i++) {
      const f32x16 scale = load16(keys->scale + slot + 16 * i), minimum = load16(keys->minimum + slot + 16 * i);
      UNROLL for (int q = 0; q < Q; q++) store16(&to[q][slot + 16 * i], ${name}_score(&queries[q], scale, minimum, sums[q][i]));
    }
  }
}
