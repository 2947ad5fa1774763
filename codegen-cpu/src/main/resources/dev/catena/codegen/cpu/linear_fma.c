/* Codes become floats without a conversion: under the exponent of 1.0 a code is 1 + code / ${code_count} exactly. With S the sum
   of products with these, the group's share of y is scale * (${code_count} * (S - sum of x) - zero * sum of x). */
#define PREPARED_BYTES ((K_PADDED + GROUPS) * 4ll)

INLINE f32x16 ${name}_one_and_code(u32x16 word, const int i) {
  const int from = ${name}_bit(i), to = 23 - ${bits};
  const u32x16 shifted = from < to ? word << (to - from) : word >> (from - to);
  return (f32x16)((shifted & (CODE_MASK << to)) | 0x3F800000u);
}

/* x padded with zeros to K_PADDED, then its sum over each group. */
static void ${name}_prepare(const float *x, char *prepared) {
  float *padded = (float *)prepared, *sums = padded + K_PADDED;
  __builtin_memcpy(padded, x, K * sizeof(float));
  for (int32_t k = K; k < K_PADDED; k++) padded[k] = 0;
  for (int32_t group = 0; group < GROUPS; group++) {
    const int32_t end = least((group + 1) * GROUP, K);
    f32x16 sum = splat(0);
    for (int32_t k = group * GROUP; k < end; k += 16) sum += load_first(x + k, least(16, end - k));
    sums[group] = sum_lanes(sum);
  }
}

INLINE void ${name}_dot(const int M, const char *block, const char *prepared, f32x16 *y) {
  const u32x16 *words = (const u32x16 *)block;
  const float *x[MOST_STREAMED_TOGETHER], *x_sums[MOST_STREAMED_TOGETHER];
  UNROLL for (int m = 0; m < M; m++) {
    x[m] = (const float *)(prepared + m * PREPARED_BYTES);
    x_sums[m] = x[m] + K_PADDED;
    y[m] = splat(0);
  }
  for (int32_t group = 0; group < GROUPS; group++) {
    f32x16 sums[MOST_STREAMED_TOGETHER][CHAINS];
    UNROLL for (int m = 0; m < M; m++)
      UNROLL for (int i = 0; i < CHAINS; i++) sums[m][i] = splat(0);
    const int32_t end = least((group + 1) * GROUP, K_PADDED);
    for (int32_t k = group * GROUP; k < end; k += CODES_PER_WORD) {
      const u32x16 word = words[k / CODES_PER_WORD];
      __builtin_prefetch((const char *)(words + k / CODES_PER_WORD) + PREFETCH);
      UNROLL for (int i = 0; i < CODES_PER_WORD; i++) {
        const f32x16 column = ${name}_one_and_code(word, i);
        UNROLL for (int m = 0; m < M; m++)
          sums[m][i % CHAINS] = fma16(splat(x[m][k + i]), column, sums[m][i % CHAINS]);
      }
    }
    const f32x16 scale = ${name}_scale(block, group), zero = ${name}_zero(block, group);
    UNROLL for (int m = 0; m < M; m++) {
      f32x16 sum = sums[m][0];
      UNROLL for (int i = 1; i < CHAINS; i++) sum += sums[m][i];
      const f32x16 x_sum = splat(x_sums[m][group]);
      y[m] = fma16(scale, fma16(-zero, x_sum, (sum - x_sum) * ${code_count}.0f), y[m]);
    }
  }
}
