/* Digits of 8 bits: all but the first in -128 ... 127, that in -127 ... 127. */
INLINE void ${name}_store_digits(char *prepared, int32_t k, s32x16 whole) {
  UNROLL for (int d = DIGITS - 1; d >= 0; d--) {
    const s8x16 digit = __builtin_convertvector(whole, s8x16);
    *(s8x16_memory *)(prepared + d * DIGIT_STRIDE + k) = digit;
    whole = (whole + 128) >> 8; /* what is left beside that digit */
  }
}

INLINE f32x16 ${name}_join_digits(const s32x16 *sums) {
  if (DIGITS == 1) return to_f32(sums[0]);
  if (DIGITS == 2) return to_f32((sums[0] << 8) + sums[1]);
  return fma16(to_f32(sums[0]), splat(65536), to_f32((sums[1] << 8) + sums[DIGITS - 1]));
}

/* Four of row m's digits d, for all 16 rows of weights. */
INLINE u32x16 ${name}_digits(const char *prepared, const int m, const int d, int32_t k) {
  return (u32x16)(*(const uint32_t *)(prepared + m * PREPARED_BYTES + d * DIGIT_STRIDE + k));
}
