/* Activations become whole numbers of ${digits} signed byte digits with one scale for each segment of up to ${segment} columns,
   so that vpdpbusd multiplies codes and digits exactly${digits_note}. */
#define DIGITS ${digits}
#define SEGMENT ${segment}
#define SEGMENTS_IN_GROUP ((GROUP + SEGMENT - 1) / SEGMENT)
#define DIGIT_STRIDE ((K + 31) / 16 * 16)
#define PREPARED_BYTES ((DIGITS * DIGIT_STRIDE + (GROUPS * SEGMENTS_IN_GROUP + GROUPS) * 4ll + 63) / 64 * 64ll)
#define LARGEST ${largest}.0f /* rounding may exceed it by one, which the first digit must still hold */

/* [DIGITS][DIGIT_STRIDE] digits, most significant first, then a scale for each segment, then x's sum over each group. */
static void ${name}_prepare(const float *x, char *prepared) {
  int8_t *digits = (int8_t *)prepared;
  float *scales = (float *)(prepared + DIGITS * DIGIT_STRIDE), *sums = scales + GROUPS * SEGMENTS_IN_GROUP;
  for (int32_t group = 0; group < GROUPS; group++) {
    const int32_t group_end = least((group + 1) * GROUP, K);
    float group_sum = 0;
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      const int32_t begin = group * GROUP + j * SEGMENT, end = least(begin + SEGMENT, group_end);
      f32x16 magnitudes = splat(0), not_finite = splat(0);
      for (int32_t k = begin; k < end; k += 16) {
        const f32x16 v = load_first(x + k, least(16, end - k));
        magnitudes = __builtin_elementwise_max(magnitudes, __builtin_elementwise_abs(v));
        not_finite += v * 0.0f; /* NaN once there is a NaN or an infinity: it must reach y */
      }
      const float magnitude = max_lanes(magnitudes);
      const float to_whole = magnitude > 1e-30f ? LARGEST / magnitude : 0;
      const float scale = magnitude * (1 / LARGEST) + sum_lanes(not_finite);
      s32x16 whole_sum = (s32x16)(0);
      for (int32_t k = begin; k < end; k += 16) {
        const f32x16 v = load_first(x + k, least(16, end - k));
        s32x16 whole = __builtin_convertvector(__builtin_elementwise_rint(v * to_whole), s32x16);
        whole_sum += whole;
        UNROLL for (int d = DIGITS - 1; d >= 0; d--) {
          const s8x16 digit = __builtin_convertvector(whole, s8x16);
          /* Lanes beyond the segment are 0 and either padding or overwritten by the next segment. */
          *(s8x16_memory *)(digits + d * DIGIT_STRIDE + k) = digit;
          whole = (whole - __builtin_convertvector(digit, s32x16)) >> 8;
        }
      }
      scales[group * SEGMENTS_IN_GROUP + j] = scale;
      int32_t total = 0;
      UNROLL for (int lane = 0; lane < 16; lane++) total += whole_sum[lane];
      group_sum += scale * (float)total;
    }
    sums[group] = group_sum;
  }
}

INLINE s32x16 ${name}_dot4(s32x16 sums, u32x16 codes, const int8_t *digits) {
  return (s32x16)__builtin_ia32_vpdpbusd512(sums, (s32x16)codes, (s32x16)(*(const int32_t *)digits));
}

INLINE void ${name}_dot(const int M, const char *block, const char *prepared, f32x16 *y) {
  const u32x16 *words = (const u32x16 *)block;
  UNROLL for (int m = 0; m < M; m++) y[m] = splat(0);
  for (int32_t group = 0; group < GROUPS; group++) {
    f32x16 group_sums[MOST_STREAMED_TOGETHER];
    UNROLL for (int m = 0; m < M; m++) group_sums[m] = splat(0);
    const int32_t group_end = least((group + 1) * GROUP, K_PADDED);
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      const int32_t begin = group * GROUP + j * SEGMENT, end = least(begin + SEGMENT, group_end);
      s32x16 sums[MOST_STREAMED_TOGETHER][DIGITS];
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int d = 0; d < DIGITS; d++) sums[m][d] = (s32x16)(0);
      for (int32_t k = begin; k < end; k += CODES_PER_WORD) {
        const u32x16 word = words[k / CODES_PER_WORD];
        __builtin_prefetch((const char *)(words + k / CODES_PER_WORD) + PREFETCH);
        UNROLL for (int m = 0; m < M; m++)
          UNROLL for (int d = 0; d < DIGITS; d++) {
            const int8_t *digits = (const int8_t *)prepared + m * PREPARED_BYTES + d * DIGIT_STRIDE + k;
            if (CODES_PER_WORD == 8) {
              sums[m][d] = ${name}_dot4(sums[m][d], word & 0x0F0F0F0Fu, digits);
              sums[m][d] = ${name}_dot4(sums[m][d], (word >> 4) & 0x0F0F0F0Fu, digits + 4);
            } else {
              sums[m][d] = ${name}_dot4(sums[m][d], word, digits);
            }
          }
      }
      UNROLL for (int m = 0; m < M; m++) {
        const float *scales = (const float *)(prepared + m * PREPARED_BYTES + DIGITS * DIGIT_STRIDE);
        const f32x16 low = to_f32(DIGITS == 3 ? (sums[m][1] << 8) + sums[m][DIGITS - 1] : sums[m][0]);
        const f32x16 whole = DIGITS == 3 ? fma16(to_f32(sums[m][0]), splat(65536), low) : low;
        group_sums[m] = fma16(whole, splat(scales[group * SEGMENTS_IN_GROUP + j]), group_sums[m]);
      }
    }
    const f32x16 scale = ${name}_scale(block, group), zero = ${name}_zero(block, group);
    UNROLL for (int m = 0; m < M; m++) {
      const float *x_sums = (const float *)(prepared + m * PREPARED_BYTES + DIGITS * DIGIT_STRIDE) + GROUPS * SEGMENTS_IN_GROUP;
      y[m] = fma16(scale, fma16(-zero, splat(x_sums[group]), group_sums[m]), y[m]);
    }
  }
}
