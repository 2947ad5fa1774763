/* Digits of 12 bits, one alone of up to 16, kept in 16: without VNNI, products of bytes don't fit 16 bits, so codes are widened
   and multiply these. Four neighbours lie in the order 0, 2, 1, 3, as a word's even and odd codes are widened. */
INLINE void ${name}_store_digits(char *prepared, int32_t k, s32x16 whole) {
  whole = __builtin_shufflevector(whole, whole, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
  const s32x16 low = DIGITS == 1 ? whole : (whole << 20) >> 20;
  *(s16x16_memory *)(prepared + (DIGITS - 1) * DIGIT_STRIDE + 2 * k) = __builtin_convertvector(low, s16x16);
  if (DIGITS == 2) *(s16x16_memory *)(prepared + 2 * k) = __builtin_convertvector((whole - low) >> 12, s16x16);
}

INLINE f32x16 ${name}_join_digits(const s32x16 *sums) {
  if (DIGITS == 1) return to_f32(sums[0]);
  return fma16(to_f32(sums[0]), splat(4096), to_f32(sums[DIGITS - 1]));
}

/* Adds the products of columns begin ... end - 1 with B blocks, one after the other, so that only one's sums take registers. */
INLINE void ${name}_segment(const int M, const int B, const int TILED, const char *codes, const char *prepared,
                            int32_t begin, int32_t end, s32x16 sums[MANY_ROWS][4][DIGITS]) {
  UNROLL for (int b = 0; b < B; b++) {
    const char *block = codes + b * BLOCK_BYTES;
    if (BYTES_AHEAD > 0)
      for (int32_t k = begin; k < end; k += CODES_TOGETHER) __builtin_prefetch(block + k / CODES_TOGETHER * 64ll + BYTES_AHEAD);
    _Pragma("clang loop unroll(disable)")
    for (int32_t k = begin; k < end; k += CODES_TOGETHER) {
      const u32x16 word = ${name}_bytes(TILED, block, k, 0);
      const s16x32 even = (s16x32)(word & 0x00FF00FFu), odd = (s16x32)((word >> 8) & 0x00FF00FFu);
      UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int d = 0; d < DIGITS; d++) {
          const int32_t *digits = (const int32_t *)(prepared + m * PREPARED_BYTES + d * DIGIT_STRIDE + 2 * k);
          sums[m][b][d] += multiply_shorts(even, (s16x32)(s32x16)(digits[0]))
                         + multiply_shorts(odd, (s16x32)(s32x16)(digits[1]));
        }
    }
  }
}
