INLINE s32x16 ${name}_dot4(s32x16 sums, u32x16 codes, u32x16 digits) {
  return (s32x16)__builtin_ia32_vpdpbusd512(sums, (s32x16)codes, (s32x16)digits);
}

/* Adds the products of columns begin ... end - 1 with B blocks. */
INLINE void ${name}_segment(const int M, const int B, const int TILED, const char *codes, const char *prepared,
                            int32_t begin, int32_t end, s32x16 sums[MANY_ROWS][4][DIGITS]) {
  for (int32_t k = begin; k < end; k += CODES_TOGETHER)
    UNROLL for (int b = 0; b < B; b++)
      UNROLL for (int i = 0; i < CODES_TOGETHER / 4; i++) {
        const u32x16 four = ${name}_bytes(TILED, codes + b * BLOCK_BYTES, k, i);
        UNROLL for (int m = 0; m < M; m++)
          UNROLL for (int d = 0; d < DIGITS; d++)
            sums[m][b][d] = ${name}_dot4(sums[m][b][d], four, ${name}_digits(prepared, m, d, k + 4 * i));
      }
}
